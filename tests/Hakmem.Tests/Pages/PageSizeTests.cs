using System;
using Hakmem.Os;
using Hakmem.Pages;
using Hakmem.Tests.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Pages;

// Pages may be as large as a unit, since units are discarded and guarded one by one, and no larger.
[Needs(SystemNeed.ReleasesParts)]
public sealed unsafe class PageSizeTests
{
    private const long ArenaBytes = 256L << 20;

    [Theory]
    [InlineData(16 << 10)]
    [InlineData(64 << 10)]
    public void AnArenaOfLargerPagesIsMadeOfWholeOnes(int pageBytes)
    {
        // A call that is not about whole pages would throw.
        using FaultyMemory os = new(new BigPages(OsMemory.CreateForCurrentSystem(), (nuint)pageBytes));
        Arena arena = new(os, ArenaBytes);
        arena.RefreshLimit();
        for (int slab = 0; slab < arena.SlabCount; slab++)
        {
            Assert.Equal(slab, arena.TryTake(1, 1));
            arena.SetEntries(slab << 5, 32, 1);
            arena.Slab(slab)->RunHead = slab;
            arena.Span(slab << 5)->Guard = null;
            *arena.Bitmap((slab << 5) + 31) = 1;
        }

        os.AssertNoViolation();
    }

    [Theory]
    [InlineData(128 << 10)]
    [InlineData(2 << 20)]
    public void PagesLargerThanAUnitAreToldWhatIsSupported(int pageBytes)
    {
        using FaultyMemory os = new(new BigPages(OsMemory.CreateForCurrentSystem(), (nuint)pageBytes));
        PlatformNotSupportedException refusal = Assert.Throws<PlatformNotSupportedException>(() => new Arena(os, ArenaBytes));
        Assert.Contains($"{pageBytes >> 10} KiB", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(OsMemory.Supported, refusal.Message, StringComparison.Ordinal);
        Assert.Empty(os.Calls);
    }
}
