using System;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;
using Processor = System.Runtime.InteropServices.Architecture;

namespace Hakmem.Tests.Os;

// Which systems there is memory for, and what the others are told.
public sealed class OsMemoryTests
{
    [Fact]
    public void ThisSystemHasItsLayer() => Assert.IsType(
        OperatingSystem.IsWindows() ? typeof(WindowsMemory) : OperatingSystem.IsMacOS() ? typeof(MacMemory) : typeof(LinuxMemory),
        OsMemory.CreateForCurrentSystem());

    // Where Linux's is made, which asks its own system for the size of pages at once.
    [Theory]
    [Needs(SystemNeed.Linux)]
    [InlineData(Processor.X64)]
    [InlineData(Processor.Arm64)]
    public void ASupportedSystemHasItsLayer(Processor processor)
    {
        Assert.IsType<LinuxMemory>(OsMemory.CreateFor(OsSystem.Linux, processor));
        Assert.IsType<WindowsMemory>(OsMemory.CreateFor(OsSystem.Windows, processor));
        Assert.IsType<MacMemory>(OsMemory.CreateFor(OsSystem.MacOS, processor));
    }

    [Theory]
    [InlineData(Processor.X86)]
    [InlineData(Processor.Arm)]
    public void A32BitProcessIsToldSo(Processor processor) => AssertRefused(OsSystem.Linux, processor, "64-bit process");

    [Theory]
    [InlineData(Processor.S390x)]
    [InlineData(Processor.Ppc64le)]
    [InlineData(Processor.LoongArch64)]
    public void AnotherProcessorIsNamed(Processor processor) => AssertRefused(OsSystem.Linux, processor, processor.ToString());

    [Fact]
    public void AnotherSystemIsToldWhichAreSupported() => AssertRefused(OsSystem.Other, Processor.X64, "operating system");

    private static void AssertRefused(OsSystem system, Processor processor, string reason)
    {
        PlatformNotSupportedException refusal =
            Assert.Throws<PlatformNotSupportedException>(() => OsMemory.CreateFor(system, processor));
        Assert.Contains(reason, refusal.Message, StringComparison.Ordinal);
        Assert.Contains(OsMemory.Supported, refusal.Message, StringComparison.Ordinal);
    }
}
