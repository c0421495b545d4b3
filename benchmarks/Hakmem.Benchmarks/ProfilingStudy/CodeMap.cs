using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics.Tracing;
using System.Globalization;
using System.IO;
using System.Linq;

namespace Hakmem.Benchmarks.ProfilingStudy;

/// <summary>
/// Tells whose code an address is. Methods that the JIT compiler makes while this listens are known by the runtime's
/// own events, the allocator's precompiled code by the file it is mapped from, and the kernel's functions by
/// /proc/kallsyms.
/// </summary>
/// <remarks>
/// Once the fast paths are inlined, no address tells the allocator from the loop around it. Hence the profiled
/// processes call the allocator through <see cref="Subjects.OpaqueSubject{T}"/>, whose methods, into which it is
/// inlined, count as the allocator's.
/// </remarks>
internal sealed class CodeMap : EventListener
{
    private const string RuntimeSource = "Microsoft-Windows-DotNETRuntime";
    private const EventKeywords JitKeyword = (EventKeywords)0x10;
    private const int MethodLoadVerbose = 143;
    private const int StartField = 2;
    private const int SizeField = 3;
    private const int NamespaceField = 6;
    private const ulong KernelStart = 1UL << 63;
    private const string AllocatorFile = "/Hakmem.dll";

    // The kernel's functions that write the zeros, of x86-64 and Arm64, old and new.
    private static readonly HashSet<string> s_clearing =
        ["clear_page", "clear_page_rep", "clear_page_orig", "clear_page_erms", "clear_pages", "clear_huge_page", "folio_zero_user"];

    // Filled on the runtime's event thread.
    private readonly ConcurrentQueue<(ulong Start, ulong Size, string Namespace)> _methods = new();

    protected override void OnEventSourceCreated(EventSource eventSource)
    {
        if (eventSource.Name == RuntimeSource)
        {
            EnableEvents(eventSource, EventLevel.Verbose, JitKeyword);
        }
    }

    protected override void OnEventWritten(EventWrittenEventArgs eventData)
    {
        if (eventData.EventId == MethodLoadVerbose && eventData.Payload is { } fields)
        {
            _methods.Enqueue((
                Convert.ToUInt64(fields[StartField], CultureInfo.InvariantCulture),
                Convert.ToUInt64(fields[SizeField], CultureInfo.InvariantCulture),
                (string?)fields[NamespaceField] ?? ""));
        }
    }

    /// <summary>How many of the addresses are whose.</summary>
    public IReadOnlyDictionary<CodePlace, int> Count(IReadOnlyList<ulong> addresses)
    {
        Range[] user = [.. MethodRanges(), .. FileRanges()];
        Array.Sort(user, (left, right) => left.Start.CompareTo(right.Start));
        Range[] kernel = KernelRanges();
        Dictionary<CodePlace, int> counts = Enum.GetValues<CodePlace>().ToDictionary(place => place, _ => 0);
        foreach (ulong address in addresses)
        {
            counts[address >= KernelStart
                ? PlaceOf(address, kernel, CodePlace.Kernel)
                : PlaceOf(address, user, CodePlace.Runtime)]++;
        }

        return counts;
    }

    private static CodePlace PlaceOf(ulong address, Range[] ranges, CodePlace otherwise)
    {
        int low = 0;
        int high = ranges.Length;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (ranges[middle].Start <= address)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low > 0 && address < ranges[low - 1].End ? ranges[low - 1].Place : otherwise;
    }

    private IEnumerable<Range> MethodRanges() =>
        from method in _methods
        where method.Namespace.StartsWith("Hakmem.", StringComparison.Ordinal)
        let isAllocator = !method.Namespace.StartsWith("Hakmem.Benchmarks.", StringComparison.Ordinal) ||
            method.Namespace.Contains("OpaqueSubject", StringComparison.Ordinal)
        select new Range(method.Start, method.Start + method.Size, isAllocator ? CodePlace.Allocator : CodePlace.Loop);

    private static IEnumerable<Range> FileRanges()
    {
        foreach (string line in File.ReadLines("/proc/self/maps"))
        {
            if (line.EndsWith(AllocatorFile, StringComparison.Ordinal))
            {
                string[] ends = line[..line.IndexOf(' ', StringComparison.Ordinal)].Split('-');
                yield return new Range(ParseHex(ends[0]), ParseHex(ends[1]), CodePlace.Allocator);
            }
        }
    }

    // A function ends where the next one begins. Without the right to see addresses all of them are zero, and no
    // address is found.
    private static Range[] KernelRanges()
    {
        List<(ulong Start, bool Clears)> functions = [];
        foreach (string line in File.Exists("/proc/kallsyms") ? File.ReadLines("/proc/kallsyms") : [])
        {
            string[] fields = line.Split(' ', 3);
            if (fields.Length == 3 && fields[1] is "t" or "T")
            {
                functions.Add((ParseHex(fields[0]), s_clearing.Contains(fields[2])));
            }
        }

        functions.Sort((left, right) => left.Start.CompareTo(right.Start));
        return
        [
            .. functions.Zip(functions.Skip(1), (function, next) =>
                new Range(function.Start, next.Start, function.Clears ? CodePlace.PageClearing : CodePlace.Kernel)),
        ];
    }

    private static ulong ParseHex(string text) => ulong.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private readonly record struct Range(ulong Start, ulong End, CodePlace Place);
}
