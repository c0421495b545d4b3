using System.Collections.Concurrent;
using System.Threading.Tasks;
using Hakmem.Tests.Support;
using Xunit.Runner.Common;
using Xunit.Sdk;

[assembly: RegisterRunnerReporter(typeof(CountingReporter))]

namespace Hakmem.Tests.Support;

// xunit's default reporter, which also keeps the final counts for ConsoleTestRun's last line.
internal sealed class CountingReporter : IRunnerReporter
{
    public const string Switch = "counting";

    // Written once, by the message handler at the end of the run; read after the run has returned.
    public static RunCounts? Counts { get; set; }

    // The names of the tests that failed, each with the first line of why.
    public static ConcurrentQueue<string> Failed { get; } = new();

    // How many tests were skipped for each reason.
    public static ConcurrentDictionary<string, int> Skipped { get; } = new();

    public bool CanBeEnvironmentallyEnabled => false;

    public string Description => "show standard progress messages, and the counts on the last line";

    public bool ForceNoLogo => false;

    public bool IsEnvironmentallyEnabled => false;

    public string RunnerSwitch => Switch;

    public ValueTask<IRunnerReporterMessageHandler> CreateMessageHandler(IRunnerLogger logger, IMessageSink? diagnosticMessageSink)
    {
        return new(new CountingReporterMessageHandler(logger));
    }
}
