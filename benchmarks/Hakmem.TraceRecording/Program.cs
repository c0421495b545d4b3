using System;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Traces;
using Hakmem.Benchmarks.Traces.Recording;

namespace Hakmem.TraceRecording;

/// <summary>Records a .NET program: <c>kestrel FILE</c> or <c>arrow FILE</c>.</summary>
internal static class Program
{
    private static async Task<int> Main(string[] arguments)
    {
        TraceRecorder recorder = new();
        string description;
        switch (arguments)
        {
            case ["kestrel", _]:
                await KestrelJob.RunAsync(recorder);
                description = KestrelJob.Description;
                break;
            case ["arrow", _]:
                ArrowJob.Run(recorder);
                description = ArrowJob.Description;
                break;
            default:
                Console.Error.WriteLine($"usage: Hakmem.TraceRecording kestrel|arrow FILE{TraceFile.Extension}");
                return 2;
        }

        TraceFile.Write(arguments[1], recorder.ToTrace(description));
        return 0;
    }
}
