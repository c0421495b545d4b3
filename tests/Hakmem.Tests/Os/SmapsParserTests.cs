using System;
using System.IO;
using System.Linq;
using System.Text;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// Texts of several kernels, and texts that are none.
[Needs(SystemNeed.Linux)]
public sealed class SmapsParserTests
{
    // Linux 6.18, x64.
    private const string Recorded = """
        55c8d77a6000-55c8d78f4000 rw-p 00000000 00:00 0                          [heap]
        Size:               1336 kB
        KernelPageSize:        4 kB
        Rss:                1228 kB
        Pss:                1228 kB
        THPeligible:           0
        VmFlags: rd wr mr mw me ac 
        7f29e4000000-7f29e4021000 rw-p 00000000 00:00 0 
        Size:                132 kB
        Rss:                   4 kB
        VmFlags: rd wr mr mw me nr 
        7f2a007fc000-7f2a007fd000 ---p 00000000 00:00 0 
        Size:                  4 kB
        Rss:                   0 kB
        VmFlags: mr mw me nh 
        7f2a02800000-7f2a036db000 r--s 00000000 fe:00 350922               /usr/share/dotnet/System.Private.CoreLib.dll
        Size:              15212 kB
        Rss:                2880 kB
        VmFlags: rd mr me ms 
        7f35fb430000-7f35fb431000 r-xs 00000000 00:01 1308                       /memfd:doublemapper (deleted)
        Size:                  4 kB
        Rss:                   4 kB
        VmFlags: rd ex sh mr mw me ms dd 
        7fff966a2000-7fff966c3000 rw-p 00000000 00:00 0                          [stack]
        Size:                132 kB
        Rss:                  44 kB
        VmFlags: rd wr mr mw me gd ac 
        ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
        Size:                  4 kB
        Rss:                   0 kB
        VmFlags: ex 

        """;

    private const MappingTraits ReadWrite = MappingTraits.Readable | MappingTraits.Writable;

    [Fact]
    public void AddRecordedTextReadsEachMapping()
    {
        using SmapsText text = new(Recorded);
        (long Kilobytes, MappingTraits Traits)[] expected =
        [
            (1228, ReadWrite | MappingTraits.HasFlags | MappingTraits.Heap),
            (4, ReadWrite | MappingTraits.HasFlags | MappingTraits.NoReserve | MappingTraits.Anonymous),
            (0, MappingTraits.HasFlags | MappingTraits.NoHugePages | MappingTraits.Anonymous),
            (2880, MappingTraits.Readable | MappingTraits.Shared | MappingTraits.HasFlags | MappingTraits.DiskFile),
            (4, MappingTraits.Readable | MappingTraits.Executable | MappingTraits.Shared | MappingTraits.HasFlags |
                MappingTraits.NotDumped | MappingTraits.RuntimeCode),
            (44, ReadWrite | MappingTraits.HasFlags | MappingTraits.Stack),
            (0, MappingTraits.Executable | MappingTraits.HasFlags | MappingTraits.Kernel),
        ];
        Assert.Equal(expected, text.Mappings.Select(mapping => (mapping.ResidentBytes >> 10, mapping.Traits)));
        Assert.Equal((0x7f2a007fc000UL, 0x7f2a007fd000UL), ((ulong)text.Table[2].Start, (ulong)text.Table[2].End));
        Assert.Equal("/usr/share/dotnet/System.Private.CoreLib.dll", text.Names[text.Table[3].File]);
        Assert.Equal(3, text.Table.Find(text.Table[3].End - 1));
        Assert.Equal(-1, text.Table.Find(text.Table[3].End));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(100)]
    [InlineData(4096)]
    public void AddPiecesOfAnySizeReadTheSame(int pieceBytes)
    {
        using SmapsText whole = new(Recorded);
        using SmapsText pieces = new(Recorded, pieceBytes);
        Assert.Equal(whole.Mappings, pieces.Mappings);
    }

    // Before Linux 3.8 there are no flags.
    [Fact]
    public void AddOldKernelWithoutFlagsIsRead()
    {
        using SmapsText text = new("00400000-0040b000 r-xp 00000000 08:01 1  /bin/cat\nSize: 44 kB\nRss: 20 kB\n");
        Assert.Equal(20 << 10, text.Table[0].ResidentBytes);
        Assert.False(text.Table[0].Has(MappingTraits.HasFlags));
        Assert.Equal(ResidentKind.NativeLibraries, text.Names.KindOf(0));
    }

    [Theory]
    [InlineData("[stack:123]", MappingTraits.Stack)]
    [InlineData("[anon:stack_and_tls:77]", MappingTraits.Stack)]
    [InlineData("[anon:glibc: malloc arena]", MappingTraits.NamedMalloc)]
    [InlineData("[anon:something]", MappingTraits.Anonymous)]
    [InlineData("[anon_shmem:x]", MappingTraits.MemoryFile)]
    [InlineData("[vdso]", MappingTraits.Kernel)]
    [InlineData("/memfd:other (deleted)", MappingTraits.MemoryFile)]
    [InlineData("/dev/zero (deleted)", MappingTraits.MemoryFile)]
    [InlineData("anon_inode:[io_uring]", MappingTraits.MemoryFile)]
    [InlineData("/data/a b.bin", MappingTraits.DiskFile)]
    public void AddNameTellsWhatItIs(string name, object traits)
    {
        using SmapsText text = new(SmapsText.Line("1000-2000", "rw-p", name));
        Assert.Equal(ReadWrite | (MappingTraits)traits, text.Table[0].Traits);
    }

    [Theory]
    [InlineData("/lib/ld-musl-x86_64.so.1", "musl's malloc")]
    [InlineData("/usr/lib/x86_64-linux-musl/libc.so", "musl's malloc")]
    [InlineData("/usr/lib/libjemalloc.so.2", "jemalloc")]
    [InlineData("/usr/lib/x86_64-linux-gnu/libc.so.6", null)]
    [InlineData("/app/libc.so", null)]
    [InlineData("/data/jemalloc.txt", null)]
    public void AddLibraryOfAMallocIsFound(string name, string? malloc)
    {
        using SmapsText text = new(SmapsText.Line("1000-2000", "r-xp", name));
        Assert.Equal(malloc, text.Names.FindOtherMalloc());
    }

    // The kernel tells of a mapping again if it grew while the list was read.
    [Fact]
    public void AddMappingThatGrewMeanwhileCountsOnce()
    {
        using SmapsText text = new(
            SmapsText.Line("1000-3000", "rw-p") + SmapsText.Line("1000-3000", "rw-p") +
            SmapsText.Line("2000-5000", "rw-p"));
        Assert.Equal(2, text.Table.Count);
        Assert.Equal(16 << 10, text.Mappings.Sum(mapping => mapping.ResidentBytes));
        Assert.Equal(0x3000u, text.Table[1].Start);
        using SmapsText downwards = new(SmapsText.Line("2000-3000", "rw-p") + SmapsText.Line("1000-5000", "rw-p"));
        Assert.Equal(12 << 10, downwards.Mappings.Sum(mapping => mapping.ResidentBytes));
    }

    [Fact]
    public void AddManyMappingsAllAreKept()
    {
        const int Count = 10_000;
        using SmapsText text = new(string.Concat(Enumerable.Range(1, Count)
            .Select(i => SmapsText.Line($"{2 * i * 4096:x}-{((2 * i) + 1) * 4096:x}", "rw-p", $"/data/{i}"))));
        Assert.Equal(Count, text.Table.Count);
        Assert.Equal(4096L * Count, text.Mappings.Sum(mapping => mapping.ResidentBytes));
        Assert.Equal("(other files)", text.Names[text.Table[Count - 1].File]);
        Assert.Equal(ResidentKind.MappedFiles, text.Names.KindOf(text.Table[Count - 1].File));
        Assert.Equal(1025, text.Names.Count);
    }

    // A program may map one file thousands of times, by turns with others, and many more files than are told apart.
    [Theory]
    [InlineData(1000)]
    [InlineData(30_000)]
    public void IndexOfAPathThatIsKnownMakesNoGarbage(int files)
    {
        MappedFileNames names = new();
        byte[][] paths = [.. Enumerable.Range(0, files).Select(i => Encoding.UTF8.GetBytes($"/data/\u00fc {i}.bin"))];
        int[] indexes = [.. paths.Select(path => names.IndexOf(path))];
        Assert.Equal(Enumerable.Range(0, files).Select(i => Math.Min(i, 1024)), indexes);
        Assert.Equal("/data/\u00fc 999.bin", names[999]);
        Assert.Equal(0, ManagedGarbage.Measure(rounds: 3, () =>
        {
            for (int i = 0; i < paths.Length; i++)
            {
                if (names.IndexOf(paths[i]) != indexes[i])
                {
                    throw new InvalidOperationException("Another index.");
                }
            }
        }));
    }

    [Theory]
    [InlineData("", "line 1: the list of mappings is empty")]
    [InlineData("Rss: 4 kB\n", "line 1: a field comes before the first mapping")]
    [InlineData("nonsense\n", "line 1: this is neither")]
    [InlineData("\n", "line 1: this is neither")]
    [InlineData("abc\n", "line 1: this is no range of addresses")]
    [InlineData("1000-\n", "line 1: this is no range of addresses")]
    [InlineData("11112222333344445-2 rw-p 0 0 0\n", "line 1: this is no range of addresses")]
    [InlineData("2000-1000 rw-p 0 00:00 0\n", "line 1: the addresses")]
    [InlineData("1000-2000 rw\n", "line 1: the addresses")]
    [InlineData("1000-2000 rw-p 0 00:00\n", "line 1: a mapping has too few fields")]
    [InlineData("1000-2000 rw-p 0 00:00 0\nRss: x kB\n", "line 2: the resident bytes")]
    [InlineData("1000-2000 rw-p 0 00:00 0\nRss: 4 MB\n", "line 2: the resident bytes")]
    [InlineData("1000-2000 rw-p 0 00:00 0\nRss: kB\n", "line 2: the resident bytes")]
    [InlineData("1000-2000 rw-p 0 00:00 0\nSize: 4 kB\n", "line 3: the mapping before this line has no resident")]
    [InlineData("1000-2000 rw-p 0 00:00 0\n3000-4000 rw-p 0 00:00 0\n", "line 2: the mapping before")]
    [InlineData("1000-2000 rw-p 0 00:00 0\nRss: 4 kB\nVmFl", "line 3: the text ends inside of a line")]
    [InlineData("3000-4000 rw-p 0 00:00 0\nRss: 4 kB\n1000-2000 rw-p 0 00:00 0\n", "line 3: the addresses")]
    public void FinishTextThatIsNoneThrowsWithTheLine(string text, string message)
    {
        InvalidDataException failure = Assert.Throws<InvalidDataException>(() => new SmapsText(text));
        Assert.StartsWith("/proc/self/smaps, " + message, failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AddEndlessLineThrows()
    {
        string line = new('a', 100_000);
        InvalidDataException failure = Assert.Throws<InvalidDataException>(() => new SmapsText(line));
        Assert.Contains("too long", failure.Message, StringComparison.Ordinal);
    }

    // Of every beginning of a text, those are read that end with a mapping that has its resident bytes.
    [Fact]
    public void FinishTextCutAnywhereIsReadOrRefused()
    {
        for (int length = 0; length < Recorded.Length; length++)
        {
            string text = Recorded[..length];
            string lastMapping = text[(text.LastIndexOf("-p ", StringComparison.Ordinal) + 1)..];
            bool mayBeRead = text.EndsWith('\n') && lastMapping.Contains("Rss:", StringComparison.Ordinal);
            Exception? failure = Record.Exception(() => new SmapsText(text).Dispose());
            Assert.True(failure is InvalidDataException || (failure is null && mayBeRead), $"{length}: {failure}");
        }
    }
}
