using Hakmem.Records;
using Xunit;

namespace Hakmem.Tests.Records;

// Every request from 1 byte to the largest class, one by one.
public sealed class SizeClassTests
{
    [Fact]
    public void EverySizeGetsTheSmallestClassThatHoldsIt()
    {
        // Together with the next test (classes ascend) this makes IndexOf and BytesOf inverse of each other.
        int expected = 0;
        for (int bytes = 1; bytes <= SizeClass.MaxBytes; bytes++)
        {
            expected += bytes > SizeClass.BytesOf(expected) ? 1 : 0;
            uint index = SizeClass.IndexOf((nuint)bytes - 1);
            if (index != expected)
            {
                Assert.Fail($"{bytes} bytes should be of class {expected} ({SizeClass.BytesOf(expected)} bytes), not {index}.");
            }
        }

        Assert.Equal(SizeClass.Count - 1, expected);
    }

    [Fact]
    public void ClassesAscendInMultiplesOf16UpToTheLargest()
    {
        int previous = 0;
        for (int index = 0; index < SizeClass.Count; index++)
        {
            int bytes = SizeClass.BytesOf(index);
            Assert.True(bytes > previous);
            Assert.Equal(0, bytes % Geometry.MinAlignment);
            previous = bytes;
        }

        Assert.Equal(SizeClass.MaxBytes, previous);
    }

    [Fact]
    public void NoSizeAbove128WastesAnEighthOfItself()
    {
        for (int bytes = 129; bytes <= SizeClass.MaxBytes; bytes++)
        {
            int waste = SizeClass.BytesOf((int)SizeClass.IndexOf((nuint)bytes - 1)) - bytes;
            if (waste * 8L >= bytes)
            {
                Assert.Fail($"{bytes} bytes waste {waste}.");
            }
        }
    }

    [Fact]
    public void SizesUpTo256GoBySixteens()
    {
        for (int bytes = 1; bytes <= 256; bytes++)
        {
            Assert.Equal((bytes + 15) / 16 * 16, SizeClass.BytesOf((int)SizeClass.IndexOf((nuint)bytes - 1)));
        }
    }

    [Fact]
    public void ThePowersOfTwoAreClasses()
    {
        for (int bytes = 16; bytes <= SizeClass.MaxBytes; bytes *= 2)
        {
            Assert.Equal(bytes, SizeClass.BytesOf((int)SizeClass.IndexOf((nuint)bytes - 1)));
        }
    }

    [Fact]
    public void PlaceOfEverySizeIsBehindHead()
    {
        for (nuint lastByte = 0; lastByte < SizeClass.MaxBytes; lastByte++)
        {
            if (SizeClass.PlaceOf(lastByte) != (uint)PageMapEntry.PlaceOf((int)SizeClass.IndexOf(lastByte)))
            {
                Assert.Fail($"The bin of {lastByte + 1} bytes is looked for at place {SizeClass.PlaceOf(lastByte)}.");
            }
        }
    }
}
