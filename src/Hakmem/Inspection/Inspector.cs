using System;
using System.Collections.Generic;
using System.Diagnostics;
using Hakmem.Events;
using Hakmem.Inspection;

[assembly: RequestHandler(typeof(Inspector))]

namespace Hakmem.Inspection;

// Answers the requests of the event source, in JSON. docs/operations.md lists them. Only `trim` changes anything, and
// none reads what is in a block.
//
// Runs on the request's own thread, under no lock. Nothing here allocates from a heap of this library.
internal sealed class Inspector : IRequestHandler
{
    private const long MaxSeconds = 3_600;
    private const long MaxIntervalMs = 60_000;

    public void Handle(EventRequest request)
    {
        switch (request.Name)
        {
            case "heaps":
                request.Answer(Whole(json => json.Name("heaps").Array(InspectedHeap.ReadAll(), heap =>
                    json.Object(() => HeapJson.WriteName(json, heap)))));
                break;
            case "statistics":
                request.Answer(Statistics(InspectedHeap.Choose(request)));
                break;
            case "watch":
                Watch(request);
                break;
            case "map":
                request.Answer(Map(InspectedHeap.Choose(request)));
                break;
            case "ledger":
                request.Answer(Ledger(request.NumberOf("Collect", 0, 0, 1) != 0));
                break;
            case "profile":
                ProfileRequest.Serve(request, request.NumberOf("Seconds", 10, 0, MaxSeconds));
                break;
            case "leaks":
                request.Answer(Whole(json => LeakJson.Write(json)));
                break;
            case "trim":
                Trim(request);
                break;
            default:
                throw new RequestException(
                    RequestException.UnknownRequest, $"This version of Hakmem knows no request \"{request.Name}\".");
        }
    }

    // An object with what every answer begins with: the process's identifier is the one that it knows itself by, which
    // in a container is another than outside.
    internal static string Whole(Action<JsonText> write)
    {
        JsonText json = new();
        json.Object(() =>
        {
            using Process process = Process.GetCurrentProcess();
            json.Name("protocol").Number(EventRequest.Protocol);
            json.Name("library").Text(typeof(Inspector).Assembly.GetName().Version?.ToString(3) ?? "");
            json.Name("processId").Number(process.Id);
            json.Name("isSupported").Truth(HakmemAllocator.IsSupported);
            write(json);
        });
        return json.ToString();
    }

    private static string Statistics(IReadOnlyList<InspectedHeap> heaps) => Whole(json =>
        json.Name("heaps").Array(heaps, heap => HeapJson.WriteStatistics(json, heap)));

    private static string Map(IReadOnlyList<InspectedHeap> heaps) => Whole(json =>
        json.Name("heaps").Array(heaps, heap => HeapJson.WriteMap(json, heap)));

    private static string Ledger(bool mayCollect)
    {
        NativeMemoryReport report =
            mayCollect ? NativeMemoryReport.Capture() : NativeMemoryReport.CaptureWithoutCollection();
        return Whole(json => json.Name("report").Raw(report.ToJson()));
    }

    // Statistics again and again, until nobody listens.
    private static void Watch(EventRequest request)
    {
        long interval = request.NumberOf("IntervalMs", 1_000, 100, MaxIntervalMs);
        do
        {
            request.Answer(Statistics(InspectedHeap.Choose(request)));
        }
        while (request.Wait(interval));
    }

    private static void Trim(EventRequest request)
    {
        IReadOnlyList<InspectedHeap> heaps = InspectedHeap.Choose(request);
        string before = Statistics(heaps);
        foreach (InspectedHeap heap in heaps)
        {
            if (HakmemAllocator.IsSupported)
            {
                _ = heap.Allocator.TryTrim();
            }
        }

        string after = Statistics(heaps);
        request.Answer(Whole(json => json.Name("before").Raw(before).Name("after").Raw(after)));
    }
}
