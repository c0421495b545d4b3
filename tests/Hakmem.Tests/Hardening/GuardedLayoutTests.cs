using CsCheck;
using Hakmem.Hardening;
using Xunit;

namespace Hakmem.Tests.Hardening;

public sealed class GuardedLayoutTests
{
    private const nuint Page = 4096;

    [Fact]
    public void ABlockLiesAlignedBetweenItsGuards() =>
        Gen.Select(Gen.Long[0, 5 << 20], Gen.Int[0, 20]).Sample((bytes, alignmentLog2) =>
        {
            nuint alignment = (nuint)1 << alignmentLog2;
            GuardedLayout layout = new((nuint)bytes, alignment, Page);
            Assert.Equal((nuint)0, layout.BlockOffset % nuint.Max(16, alignment));
            Assert.Equal((nuint)0, layout.DataEnd % Page);
            Assert.Equal(layout.DataEnd + Page, layout.TotalBytes);
            Assert.Equal(alignment <= Page ? Page : 0, layout.FrontBytes);
            Assert.InRange(layout.BlockOffset, layout.FrontBytes, layout.DataEnd - (nuint)bytes);

            // As near to the guard behind as the alignment allows.
            Assert.True(alignment > Page || layout.DataEnd - layout.BlockOffset - (nuint)bytes <= nuint.Max(16, alignment));
        });
}
