using CsCheck;
using Hakmem.Guarded;
using Xunit;

namespace Hakmem.Tests.Guarded;

public sealed class GuardedLayoutTests
{
    [Theory]
    [InlineData(4096)]
    [InlineData(16 << 10)]
    [InlineData(64 << 10)]
    public void ABlockLiesAlignedBetweenItsGuards(int pageBytes)
    {
        nuint page = (nuint)pageBytes;
        Gen.Select(Gen.Long[0, 5 << 20], Gen.Int[0, 20]).Sample((bytes, alignmentLog2) =>
        {
            nuint alignment = (nuint)1 << alignmentLog2;
            GuardedLayout layout = new((nuint)bytes, alignment, page);
            Assert.Equal((nuint)0, layout.BlockOffset % nuint.Max(16, alignment));
            Assert.Equal((nuint)0, layout.DataEnd % page);
            Assert.Equal(layout.DataEnd + page, layout.TotalBytes);
            Assert.Equal(alignment <= page ? page : 0, layout.FrontBytes);
            Assert.InRange(layout.BlockOffset, layout.FrontBytes, layout.DataEnd - (nuint)bytes);

            // As near to the guard behind as the alignment allows.
            Assert.True(alignment > page || layout.DataEnd - layout.BlockOffset - (nuint)bytes <= nuint.Max(16, alignment));
        });
    }
}
