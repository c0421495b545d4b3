using System;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Os;

// Which systems there is memory for, and what the others are told.
public sealed class OsMemoryTests
{
    [Fact]
    public void A64BitLinuxProcessIsSupported() => Assert.IsType<LinuxMemory>(OsMemory.CreateFor(isLinux: true, pointerBytes: 8));

    [Fact]
    public void A32BitProcessIsToldSo()
    {
        PlatformNotSupportedException refusal =
            Assert.Throws<PlatformNotSupportedException>(() => OsMemory.CreateFor(isLinux: true, pointerBytes: 4));
        Assert.Contains("64-bit process", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(OsMemory.Supported, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AnotherSystemIsToldWhichOneIsSupported()
    {
        PlatformNotSupportedException refusal =
            Assert.Throws<PlatformNotSupportedException>(() => OsMemory.CreateFor(isLinux: false, pointerBytes: 8));
        Assert.Contains("operating system", refusal.Message, StringComparison.Ordinal);
        Assert.Contains(OsMemory.Supported, refusal.Message, StringComparison.Ordinal);
    }
}
