using System.Collections.Generic;
using System.Linq;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;
using static Hakmem.Tests.Os.SmapsText;

namespace Hakmem.Tests.Os;

// Layouts as they were seen in processes, each with what tells one kind of memory from its neighbours.
[Needs(SystemNeed.Linux)]
public sealed class MappingClassifierTests
{
    private const string Plain = "rd wr mr mw me ac";
    private const string Reserved = "mr mw me dd";
    private const string Guard = "mr mw me nh";
    private const string Stack = "rd wr mr mw me ac nh";
    private const string Arena = "rd wr mr mw me nr";

    private static readonly MemoryHints s_glibc = new() { IsGlibc = true };

    [Fact]
    public void RunNamesTellTheirKinds() => AssertKinds(
        Line("10000-11000", "rw-p", "[heap]") +
        Line("20000-22000", "r-xp", "/lib/libc.so.6") +
        Line("30000-33000", "r--p", "/app/App.dll") +
        Line("40000-44000", "r--s", "/data/index.bin") +
        Line("50000-55000", "rw-s", "/dev/shm/x") +
        Line("60000-66000", "r-xs", "/memfd:doublemapper (deleted)") +
        Line("70000-77000", "rw-s", "/memfd:doublemapper (deleted)") +
        Line("80000-88000", "rw-p", "[stack]") +
        Line("90000-99000", "r-xp", "/app/server") +
        Line("a0000-a1000", "rw-p", "/app/server"),
        s_glibc,
        (ResidentKind.MallocArenas, 4), (ResidentKind.NativeLibraries, 8 + 36 + 4), (ResidentKind.Assemblies, 12),
        (ResidentKind.MappedFiles, 16), (ResidentKind.SharedMemory, 20), (ResidentKind.Code, 24),
        (ResidentKind.Loader, 28), (ResidentKind.Stacks, 32));

    // The table of cards and its reserve, the range itself (regions and their reserves), and mappings of others above
    // it and below it, of which the kernel may have joined the lower one with the table.
    [Fact]
    public void RunAroundAnObjectIsTheCollectors() => AssertKinds(
        Line("1000000-1004000", "rw-p", flags: Plain) +
        Line("1004000-1100000", "---p", flags: Reserved, kilobytes: 0) +
        Line("1100000-1108000", "rw-p", flags: Plain) +
        Line("1108000-2000000", "---p", flags: Reserved, kilobytes: 0) +
        Line("2000000-2040000", "rw-p", flags: Plain) +
        Line("2040000-2400000", "---p", flags: Reserved, kilobytes: 0) +
        Line("2400000-2408000", "rw-p", flags: Plain) +
        Line("2408000-2410000", "rw-p", flags: Plain + " hg") +
        Line("2410000-3000000", "---p", flags: Reserved, kilobytes: 0) +
        Line("3000000-3010000", "rw-p", flags: Plain),
        new MemoryHints { CollectorAddresses = [0x2000030, 0x2400030], CollectorRangeBytes = 0x1010000 },
        (ResidentKind.CollectorHeap, 256 + 64), (ResidentKind.CollectorTables, 32),
        (ResidentKind.OtherAnonymous, 16 + 64));

    // A runtime that does not tell the size of its range: all around the object is its heap.
    [Fact]
    public void RunRangeOfUnknownSizeIsAllHeap() => AssertKinds(
        Line("1000000-1100000", "---p", kilobytes: 0) + Line("1100000-1108000", "rw-p") +
        Line("1108000-2000000", "---p", kilobytes: 0) + Line("3000000-3001000", "rw-p"),
        new MemoryHints { CollectorAddresses = [0x1100000, 0] },
        (ResidentKind.CollectorHeap, 32), (ResidentKind.OtherAnonymous, 4));

    // The second heap of an arena points to the first. A word that points to no such heap is a program's own.
    [Fact]
    public void RunHeapOfAnArenaIsToldByItsFirstWord()
    {
        FakeProbe probe = new()
        {
            Words = { [0x8000000] = (0x8000030, 0), [0xc000000] = (0x8000030, 0), [0x14000000] = (1, 0) },
        };
        AssertKinds(
            Line("8000000-8021000", "rw-p", flags: Arena) +
            Line("8021000-c000000", "---p", flags: "mr nr", kilobytes: 0) +
            Line("c000000-c002000", "rw-p", flags: Arena) + Line("10000000-10001000", "rw-p", flags: Plain) +
            Line("14000000-14003000", "rw-p", flags: Arena),
            s_glibc,
            probe,
            (ResidentKind.MallocArenas, 132 + 8), (ResidentKind.OtherAnonymous, 4 + 12));
    }

    [Fact]
    public void RunMemoryThatMayNotBeReadIsToldByFlags() => AssertKinds(
        Line("8000000-8021000", "rw-p", flags: Arena) + Line("c000000-c002000", "rw-p", flags: Plain),
        s_glibc,
        new FakeProbe { IsRefused = true },
        (ResidentKind.MallocArenas, 132), (ResidentKind.OtherAnonymous, 8));

    [Fact]
    public void RunGuardOrStackPointerTellsAStack() => AssertKinds(
        Line("10000-11000", "---p", flags: Guard, kilobytes: 0) + Line("11000-21000", "rw-p", flags: Stack) +
        Line("30000-34000", "rw-p", flags: Plain) +
        Line("50000-58000", "---p", flags: Reserved, kilobytes: 0) + Line("58000-59000", "rw-p", flags: Plain) +
        Line("1000000-1001000", "---p", kilobytes: 0) + Line("1001000-3001000", "rw-p"),
        new MemoryHints { StackPointers = [0x33ff0, 0x7000000], IsGlibc = true },
        (ResidentKind.Stacks, 64 + 16), (ResidentKind.Loader, 4), (ResidentKind.OtherAnonymous, 32 << 10));

    // W^X switched off: code and types are anonymous, beside assemblies, in reach of a method.
    [Fact]
    public void RunAroundAMethodIsCodeAndLoaderHeaps() => AssertKinds(
        Line("400000-410000", "rwxp", flags: Plain) + Line("410000-420000", "---p", flags: Reserved, kilobytes: 0) +
        Line("420000-424000", "r-xp", "/app/App.dll") + Line("424000-426000", "rw-p", flags: Plain) +
        Line("426000-428000", "r-xp", "/lib/libcoreclr.so") + Line("500000-501000", "rwxp", flags: Plain),
        new MemoryHints { CodeAddresses = [0x400100], IsGlibc = true },
        (ResidentKind.Code, 64 + 4), (ResidentKind.Assemblies, 16), (ResidentKind.Loader, 8),
        (ResidentKind.NativeLibraries, 8));

    [Fact]
    public void RunDataBehindALibraryIsTheLibrarys() => AssertKinds(
        Line("10000-11000", "rw-p", "/lib/libx.so") + Line("11000-13000", "rw-p", flags: Plain) +
        Line("20000-21000", "rw-p", "/data/file") + Line("21000-22000", "rw-p", flags: Plain),
        s_glibc,
        (ResidentKind.NativeLibraries, 4 + 8), (ResidentKind.MappedFiles, 4), (ResidentKind.OtherAnonymous, 4));

    // Two blocks that adjoin, one whose mapping goes on with something else, and one behind something else, which only
    // malloc's own count tells.
    [Fact]
    public void RunMappedBlocksAreToldByTheirHeaders()
    {
        FakeProbe probe = new()
        {
            Words =
            {
                [0x100000] = (0, 0x2002), [0x102000] = (0x10, 0x3002), [0x200000] = (0, 0x4002),
                [0x300000] = (0, 0x4001),
            },
        };
        AssertKinds(
            Line("100000-105000", "rw-p", flags: Plain) + Line("200000-20a000", "rw-p", flags: Plain) +
            Line("300000-304000", "rw-p", flags: Plain),
            new MemoryHints { IsGlibc = true, MallocMappedBytes = 0xb000 },
            probe,
            (ResidentKind.MallocMapped, 20 + 16 + 8), (ResidentKind.OtherAnonymous, 24 + 16 - 8));
    }

    [Fact]
    public void RunOtherMallocHasTheRest() => AssertKinds(
        Line("100000-105000", "rw-p") + Line("200000-201000", "rw-p", "[heap]"),
        new MemoryHints { HasOtherMalloc = true },
        (ResidentKind.OtherMalloc, 24));

    // A known range that is a mapping of its own, and one that the kernel has joined with a neighbour.
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void RunKnownRangesAreCutOut(bool isRefused) => AssertKinds(
        Line("100000-101000", "rw-p") + Line("101000-104000", "---p", kilobytes: 0) + Line("200000-210000", "rw-p"),
        new MemoryHints
        {
            KnownRanges =
            [
                new AddressRange(0x100000, 0x104000, ResidentKind.HakmemBlocks),
                new AddressRange(0x204000, 0x208000, ResidentKind.HakmemRecords),
                new AddressRange(0x20f000, 0x300000, ResidentKind.Reader),
            ],
        },
        new FakeProbe { IsRefused = isRefused },
        (ResidentKind.HakmemBlocks, 4), (ResidentKind.HakmemRecords, 16), (ResidentKind.Reader, 4),
        (ResidentKind.OtherAnonymous, 44));

    [Theory]
    [InlineData("202 0x7f01 0x189 0x0 0x0 0x0 0xffffffff 0x7f2a017fcb10 0x7f367ac9df16\n", 0x7f2a017fcb10)]
    [InlineData("-1 0x7ffc0 0x7f12\n", 0x7ffc0)]
    [InlineData("running\n", 0)]
    [InlineData("", 0)]
    [InlineData("1 2 3\n", 0)]
    [InlineData("1 0xfffffffffffffffff 0x1\n", 0)]
    [InlineData("1 0x12g4 0x1\n", 0)]
    public void ParseTextOfAThreadHasItsStackPointer(string text, long pointer) =>
        Assert.Equal((nuint)pointer, ThreadStacks.Parse(System.Text.Encoding.UTF8.GetBytes(text)));

    private static void AssertKinds(
        string text, MemoryHints hints, params (ResidentKind Kind, long Kilobytes)[] expected) =>
        AssertKinds(text, hints, new FakeProbe(), expected);

    private static void AssertKinds(
        string text, MemoryHints hints, FakeProbe probe, params (ResidentKind Kind, long Kilobytes)[] expected)
    {
        using SmapsText mappings = new(text);
        Dictionary<ResidentKind, long> kinds = mappings.Classify(hints, probe);
        Assert.Equal(
            expected.OrderBy(pair => pair.Kind),
            kinds.Select(pair => (pair.Key, pair.Value)).OrderBy(pair => pair.Key));
    }
}
