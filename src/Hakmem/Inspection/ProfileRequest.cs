using System;
using System.Collections.Generic;
using System.Linq;
using Hakmem.Events;
using Hakmem.Profiling;

namespace Hakmem.Inspection;

// Profiles heaps for some seconds and answers with what was sampled. The profilers end with the request, whatever ends
// it: the time, the session that made it, or a failure.
internal static class ProfileRequest
{
    private const long MaxAgeMs = 3_600_000;

    public static void Serve(EventRequest request, long seconds)
    {
        long mean = request.NumberOf(
            "MeanSampleBytes", HakmemProfiler.DefaultMeanSampleBytes, HeapSampler.MinMeanBytes,
            HeapSampler.MaxMeanBytes);
        TimeSpan minAge = TimeSpan.FromMilliseconds(request.NumberOf("MinAgeMs", 0, 0, MaxAgeMs));
        List<(InspectedHeap Heap, HakmemProfiler Profiler)> running = [];
        try
        {
            foreach (InspectedHeap heap in InspectedHeap.Choose(request))
            {
                if (TryStart(heap, mean) is { } profiler)
                {
                    running.Add((heap, profiler));
                }
            }

            if (request.Wait(seconds * 1_000))
            {
                request.Answer(Inspector.Whole(json => json.Name("heaps").Array(
                    running, each => Write(json, each.Heap, each.Profiler, minAge))));
            }
        }
        finally
        {
            running.ForEach(each => each.Profiler.Dispose());
        }
    }

    // Null for a heap that is disposed meanwhile.
    private static HakmemProfiler? TryStart(InspectedHeap heap, long mean)
    {
        try
        {
            return HakmemProfiler.Start(heap.Allocator, mean);
        }
        catch (ObjectDisposedException)
        {
            return null;
        }
        catch (InvalidOperationException) when (heap.Allocator.LiveHeap is null)
        {
            return null;
        }
        catch (InvalidOperationException)
        {
            throw new RequestException(
                RequestException.ProfilerRuns,
                $"The heap {heap.Name} has a profiler already: of another request, or of the program itself.");
        }
        catch (NotSupportedException failure)
        {
            throw new RequestException(RequestException.NotSupported, failure.Message);
        }
    }

    private static void Write(JsonText json, InspectedHeap heap, HakmemProfiler profiler, TimeSpan minAge)
    {
        SampleAge[] ages = profiler.Sampler.CopyAges(minAge);
        HeapProfile profile = profiler.Capture();
        json.Object(() =>
        {
            HeapJson.WriteName(json, heap);
            json.Name("takenAt").Text(profile.TakenAt.ToString("O", System.Globalization.CultureInfo.InvariantCulture));
            json.Name("durationMs").Number(profile.Duration.TotalMilliseconds);
            json.Name("meanSampleBytes").Number(profile.MeanSampleBytes);
            json.Name("lostSamples").Number(profile.LostSamples);
            json.Name("samples").Array(profile.Samples, sample => json.Object(() =>
            {
                SampleAge age = sample.StackNumber < ages.Length ? ages[sample.StackNumber] : default;
                json.Name("stack").Array(sample.Frames, frame => json.Text(frame));
                json.Name("tag").Text(sample.Tag ?? "");
                json.Name("allocatedObjects").Number(sample.AllocatedObjects);
                json.Name("allocatedBytes").Number(sample.AllocatedBytes);
                json.Name("inUseObjects").Number(sample.InUseObjects);
                json.Name("inUseBytes").Number(sample.InUseBytes);
                json.Name("sampleCount").Number(sample.SampleCount);
                json.Name("oldObjects").Number((long)Math.Round(age.OldObjects));
                json.Name("oldBytes").Number((long)Math.Round(age.OldBytes));
                json.Name("oldestSeconds").Number(age.OldestSeconds);
            }));
        });
    }
}
