using System;
using System.Collections.Generic;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Os;

// The calls that the macOS layer makes, in their order, and what it makes of the answers. Nothing is mapped.
public sealed unsafe class MacMemoryTests
{
    private const string Flags = "MAP_PRIVATE|MAP_ANON";
    private static readonly byte* s_range = (byte*)0x7000_0000_0000;

    private readonly Recorder _system = new();
    private readonly MacMemory _os;

    public MacMemoryTests()
    {
        _os = new MacMemory(_system);
    }

    [Fact]
    public void ReservationIsInaccessibleAndTagged()
    {
        Assert.True(_os.TryReserve(0x8000) == Recorder.Mapped);
        Assert.Equal([$"mmap 0+8000 NONE {Flags}|MAP_NORESERVE fd=f0000004"], _system.Calls);
    }

    [Fact]
    public void ReservationInLargePartsIsTriedFirst()
    {
        _system.IsRefusingOptions = true;
        Assert.True(_os.TryReserve(0x8000) == Recorder.Mapped);
        string call = $"mmap 0+8000 NONE {Flags}|MAP_NORESERVE fd=f000000";
        Assert.Equal([call + "4", call + "0"], _system.Calls);
    }

    [Fact]
    public void RefusedReservationIsNull()
    {
        _system.IsRefusing = true;
        Assert.True(_os.TryReserve(0x8000) == null);
    }

    [Fact]
    public void CommitMakesPagesWritable() =>
        AssertCalls(() => _os.TryCommit(s_range, 0x4000), "mprotect 700000000000+4000 READ|WRITE");

    [Fact]
    public void ReadablePagesAreProtected() =>
        AssertCalls(() => _os.TryMakeReadable(s_range, 0x4000), "mprotect 700000000000+4000 READ");

    [Fact]
    public void ProtectedPagesAreInaccessible() =>
        AssertCalls(() => _os.TryProtect(s_range, 0x4000), "mprotect 700000000000+4000 NONE");

    // MADV_DONTNEED would leave the contents.
    [Fact]
    public void DiscardMapsFreshMemoryOver() =>
        AssertCalls(() => _os.TryDiscard(s_range, 0x4000), $"mmap 700000000000+4000 READ|WRITE {Flags}|MAP_FIXED fd=f0000000");

    [Fact]
    public void ResetMapsFreshMemoryOver() =>
        AssertCalls(() => _os.TryReset(s_range, 0x4000), $"mmap 700000000000+4000 READ|WRITE {Flags}|MAP_FIXED fd=f0000000");

    [Fact]
    public void DecommitMapsAReservationOver() => AssertCalls(
        () => _os.TryDecommit(s_range, 0x4000), $"mmap 700000000000+4000 NONE {Flags}|MAP_FIXED|MAP_NORESERVE fd=f0000000");

    [Fact]
    public void ReleaseUnmaps() => AssertCalls(() => _os.TryRelease(s_range, 0x4000), "munmap 700000000000+4000");

    [Fact]
    public void WhatTheSystemLacksIsRefusedWithoutACall()
    {
        Assert.False(_os.TryMove(s_range, s_range + 0x10000, 0x4000));
        Assert.False(_os.TryPopulate(s_range, 0x4000));
        Assert.False(_os.TryAdviseHugePages(s_range, 0x4000, enable: true));
        Assert.False(_os.TryPrefault(s_range, 0x4000, PrefaultMode.WillNeed));
        Assert.True(_os.TryPrefault(s_range, 0x4000, PrefaultMode.None));
        Assert.Empty(_system.Calls);
        Assert.False(_os.MovesPages || _os.Has(OsFeatures.Populates) || _os.Has(OsFeatures.AdvisesHugePages));
    }

    // The same call is refused next, and the answer is false.
    private void AssertCalls(Func<bool> call, string expected)
    {
        Assert.True(call());
        Assert.Equal([expected], _system.Calls);
        _system.IsRefusing = true;
        Assert.False(call());
    }

    private sealed class Recorder : MacSystem
    {
        public List<string> Calls { get; } = [];

        public bool IsRefusing { get; set; }

        public bool IsRefusingOptions { get; set; }

        public static byte* Mapped => (byte*)0x1_0000_0000;

        public override byte* Map(byte* address, nuint bytes, int protection, int flags, int file, long offset)
        {
            string names = string.Concat(
                (flags & 0x0003) == 0x0002 ? "MAP_PRIVATE" : "", (flags & 0x1000) != 0 ? "|MAP_ANON" : "",
                (flags & 0x0010) != 0 ? "|MAP_FIXED" : "", (flags & 0x0040) != 0 ? "|MAP_NORESERVE" : "",
                (flags & ~0x1053) != 0 ? "|UNKNOWN" : "");
            Assert.Equal(0, offset);
            Calls.Add($"mmap {(nuint)address:x}+{bytes:x} {ProtectionOf(protection)} {names} fd={file:x}");
            bool isRefused = IsRefusing || (IsRefusingOptions && (file & 0xFFFF) != 0);
            return isRefused ? MapFailed : address != null ? address : Mapped;
        }

        public override int Unmap(byte* address, nuint bytes)
        {
            Calls.Add($"munmap {(nuint)address:x}+{bytes:x}");
            return IsRefusing ? -1 : 0;
        }

        public override int Protect(byte* address, nuint bytes, int protection)
        {
            Calls.Add($"mprotect {(nuint)address:x}+{bytes:x} {ProtectionOf(protection)}");
            return IsRefusing ? -1 : 0;
        }

        private static string ProtectionOf(int protection) => protection switch
        {
            0 => "NONE",
            1 => "READ",
            3 => "READ|WRITE",
            _ => "UNKNOWN",
        };
    }
}
