using System;
using System.Collections.Generic;
using System.Globalization;
using System.Runtime;
using System.Runtime.CompilerServices;

namespace Hakmem.Reports;

// What the garbage collector says of itself: addresses of objects, from which the memory layer finds its range, and the
// sizes of its generations after the last collection.
internal sealed unsafe class CollectorFigures
{
    private const int Generations = 5;
    private const int SmallestLargeArray = 85_000;

    // More than this part of the objects being newer than the last collection makes its sizes useless.
    private const int MaxRecentPart = 8;

    private static readonly NativeMemoryKind[] s_kinds =
    [
        NativeMemoryKind.CollectorGeneration0, NativeMemoryKind.CollectorGeneration1,
        NativeMemoryKind.CollectorGeneration2, NativeMemoryKind.CollectorLargeObjects,
        NativeMemoryKind.CollectorPinnedObjects,
    ];

    // In the heap of pinned objects, which is the lowest of the collector's range.
    private static readonly byte[] s_pinned = GC.AllocateArray<byte>(1, pinned: true);

    private readonly long[] _liveBytes = new long[Generations];
    private readonly long[] _freeBytes = new long[Generations];

    private CollectorFigures(GCMemoryInfo info, nuint rangeBytes)
    {
        RangeBytes = rangeBytes;
        CommittedBytes = info.TotalCommittedBytes;
        Collections = info.Index;
        PinnedObjects = info.PinnedObjectsCount;
        for (int i = 0; i < Math.Min(Generations, info.GenerationInfo.Length); i++)
        {
            GCGenerationInfo generation = info.GenerationInfo[i];
            _freeBytes[i] = generation.FragmentationAfterBytes;
            _liveBytes[i] = Math.Max(0, generation.SizeAfterBytes - generation.FragmentationAfterBytes);
            LiveBytes += _liveBytes[i];
            HasGenerations = true;
        }

        RecentBytes = Math.Max(0, GC.GetTotalMemory(forceFullCollection: false) - LiveBytes);
    }

    // Zero if the runtime does not say.
    public nuint RangeBytes { get; }

    // Zero before the first collection.
    public long CommittedBytes { get; }

    public long Collections { get; }

    public long PinnedObjects { get; }

    // False where the runtime does not tell. Before the first collection all are empty.
    public bool HasGenerations { get; }

    // The bytes of objects that survived the last collection, and of those that were allocated since.
    public long LiveBytes { get; }

    public long RecentBytes { get; }

    // May collect generation 0, if most objects are newer than the figures: large and pinned objects too are counted
    // then.
    public static CollectorFigures Read(bool mayCollect)
    {
        CollectorFigures figures = ReadOnce();
        if (mayCollect && figures.HasGenerations && figures.RecentBytes > figures.LiveBytes / MaxRecentPart &&
            GCSettings.LatencyMode != GCLatencyMode.NoGCRegion)
        {
            GC.Collect(0, GCCollectionMode.Forced, blocking: true);
            figures = ReadOnce();
        }

        return figures;
    }

    // Where objects are at this moment. The lowest first, where it is known.
    public nuint[] FindAddresses()
    {
        // Where the heaps have no common range, that of large objects is found by one of them.
        byte[]? large = RangeBytes == 0 ? new byte[SmallestLargeArray] : null;
        nuint[] addresses =
            [AddressOf(s_pinned), AddressOf(new object()), large is null ? AddressOf(s_pinned) : AddressOf(large)];
        GC.KeepAlive(large);
        return addresses;
    }

    // Where a literal is: in the heap of frozen objects, if the runtime has one.
    public static nuint FindFrozenAddress() => AddressOf("a literal of the native memory report");

    // Divides the resident bytes of the heaps into kinds. Their sum is that of the resident bytes: what the generations
    // have more than that is not resident, and each is taken to be so in the same proportion.
    public IEnumerable<(NativeMemoryKind Kind, long Bytes)> Divide(long residentBytes)
    {
        double share = Math.Min(1, residentBytes / Math.Max(1.0, LiveBytes + RecentBytes));
        long rest = residentBytes;
        for (int i = 0; i < Generations; i++)
        {
            long bytes = Math.Min(rest, (long)(_liveBytes[i] * share));
            rest -= bytes;
            yield return (s_kinds[i], bytes);
        }

        long recentBytes = Math.Min(rest, (long)Math.Ceiling(RecentBytes * share));
        yield return (NativeMemoryKind.CollectorRecent, recentBytes);
        yield return (NativeMemoryKind.CollectorFree, rest - recentBytes);
    }

    public IEnumerable<NativeMemoryPart> FreeParts()
    {
        long gaps = 0;
        for (int i = 0; i < Generations; i++)
        {
            gaps += _freeBytes[i];
            yield return new NativeMemoryPart("gaps in " + NameOf(i), _freeBytes[i]);
        }
    }

    public string Describe() => string.Create(
        CultureInfo.InvariantCulture,
        $"its size after collection {Collections}; pinned objects found then: {PinnedObjects}");

    private static string NameOf(int generation) => generation switch
    {
        3 => "large objects",
        4 => "pinned objects",
        _ => "generation " + generation.ToString(CultureInfo.InvariantCulture),
    };

    // SAFETY: the address is only compared; the collector may move the object at any moment.
    private static nuint AddressOf(object value) => *(nuint*)Unsafe.AsPointer(ref value);

    private static CollectorFigures ReadOnce()
    {
        nuint rangeBytes = 0;
        if (GC.GetConfigurationVariables().TryGetValue("GCRegionRange", out object? range) && range is long bytes)
        {
            rangeBytes = (nuint)bytes;
        }

        return new CollectorFigures(GC.GetGCMemoryInfo(GCKind.Any), rangeBytes);
    }
}
