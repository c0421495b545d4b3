using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Os;

// What glibc says of its arenas.
public sealed unsafe class MallocInfoTests
{
    // glibc 2.36.
    private const string Recorded = """
        <malloc version="1">
        <heap nr="0">
        <sizes>
          <size from="33" to="48" total="96" count="2"/>
          <unsorted from="1" to="2" total="3" count="1"/>
        </sizes>
        <total type="fast" count="2" size="96"/>
        <total type="rest" count="3" size="4000"/>
        <system type="current" size="135168"/>
        <system type="max" size="270336"/>
        <aspace type="total" size="135168"/>
        <aspace type="mprotect" size="135168"/>
        </heap>
        <heap nr="1">
        <sizes>
        </sizes>
        <total type="fast" count="0" size="0"/>
        <total type="rest" count="1" size="200"/>
        <system type="current" size="1000"/>
        <system type="max" size="1000"/>
        <aspace type="subheaps" size="1"/>
        </heap>
        <total type="fast" count="2" size="96"/>
        <total type="rest" count="4" size="4200"/>
        <total type="mmap" count="3" size="1052672"/>
        <system type="current" size="136168"/>
        <system type="max" size="271336"/>
        </malloc>

        """;

    [Fact]
    public void ParseRecordedTextHasArenasAndMappedBytes()
    {
        MallocInfo info = Parse(Recorded);
        Assert.Equal([new MallocArena(135168, 4096), new MallocArena(1000, 200)], info.Arenas);
        Assert.Equal(135168 - 4096 + 800, info.InUseBytes);
        Assert.Equal(1052672, info.MappedBytes);
    }

    [Theory]
    [InlineData("")]
    [InlineData("<malloc version=\"1\"></malloc>")]
    [InlineData("<malloc version=\"1\"><heap nr=\"0\">")]
    [InlineData("<heap nr=\"0\"><system type=\"current\" size=\"x\"/></heap></malloc>")]
    [InlineData("<heap nr=\"0\"><system type=\"current\" size=\"1/></heap></malloc>")]
    [InlineData("<heap nr=\"0\"><total type=\"fast\" count=\"1\"/></heap></malloc>")]
    public void ParseTextThatIsNoneThrows(string text) =>
        Assert.Throws<InvalidDataException>(() => Parse(text));

    [Fact]
    public void ParseTextCutAnywhereThrows()
    {
        int end = Recorded.LastIndexOf('>');
        for (int length = 0; length <= end; length++)
        {
            Assert.Throws<InvalidDataException>(() => Parse(Recorded[..length]));
        }
    }

    [Fact]
    [Needs(SystemNeed.Linux)]
    public void TryReadBlocksOfThisProcessAreInUse()
    {
        void*[] blocks = new void*[2_000];
        for (int i = 0; i < blocks.Length; i++)
        {
            blocks[i] = NativeMemory.Alloc(10_000);
        }

        MallocInfo? info = MallocInfo.TryRead();
        foreach (void* block in blocks)
        {
            NativeMemory.Free(block);
        }

        Assert.SkipWhen(info is null, "This C library has no malloc_info.");
        Assert.True(info.InUseBytes >= 2_000 * 10_000, $"{info.InUseBytes}");
        Assert.All(info.Arenas, arena => Assert.InRange(arena.FreeBytes, 0, arena.Bytes));
    }

    private static MallocInfo Parse(string text) => MallocInfo.Parse(Encoding.UTF8.GetBytes(text));
}
