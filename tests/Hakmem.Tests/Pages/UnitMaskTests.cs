using System.Linq;
using CsCheck;
using Hakmem.Pages;
using Xunit;

namespace Hakmem.Tests.Pages;

// Bit arithmetic against the same thing done on text, where a run is a run of characters.
public sealed class UnitMaskTests
{
    // Uniform bits have no long runs: most masks are made of them.
    private static readonly Gen<uint> s_masks = Gen.Frequency(
        (1, Gen.UInt),
        (3, Gen.Select(Gen.UInt, Gen.UInt, Gen.UInt, (a, b, c) => a | b | c)),
        (1, Gen.OneOf(0u, 1u, 1u << 31, uint.MaxValue, uint.MaxValue - 1, uint.MaxValue >> 1)));

    [Fact]
    public void OfSetsExactlyItsBits()
    {
        for (int first = 0; first < 32; first++)
        {
            for (int count = 1; count <= 32 - first; count++)
            {
                uint mask = UnitMask.Of(first, count);
                for (int bit = 0; bit < 32; bit++)
                {
                    Assert.Equal(bit >= first && bit < first + count, (mask & (1u << bit)) != 0);
                }
            }
        }
    }

    [Fact]
    public void LongestRunIsTheLongest() =>
        s_masks.Sample(mask => UnitMask.LongestRun(mask) == Text(mask).Split('0').Max(run => run.Length));

    [Fact]
    public void FindRunFindsTheLowestThatIsLongEnough() =>
        Gen.Select(s_masks, Gen.Int[1, 32]).Sample((mask, wanted) =>
        {
            int longest = UnitMask.LongestRun(mask);
            if (longest > 0)
            {
                int count = 1 + (wanted % longest);
                Assert.Equal(Text(mask).IndexOf(new string('1', count), System.StringComparison.Ordinal), UnitMask.FindRun(mask, count));
            }
        });

    // Bit 0 first.
    private static string Text(uint mask) => string.Concat(Enumerable.Range(0, 32).Select(bit => (mask >> bit) & 1));
}
