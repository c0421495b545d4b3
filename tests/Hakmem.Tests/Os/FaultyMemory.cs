using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using Hakmem.Os;
using Hakmem.Pages;
using Xunit;

namespace Hakmem.Tests.Os;

// The system's memory with a book of its own: records every call, refuses those it is told to without making them, and notes calls that
// break the contract of OsMemory (outside a reservation, not page-aligned, of memory that is not committed).
//
// Disposing it gives back every reservation, so an arena over it lives no longer. Thread-safe: one lock, held over the system call.
internal sealed unsafe class FaultyMemory(OsMemory? real = null) : OsMemory, IDisposable
{
    public const ulong ForeignContents = 0x5EED_0F_F0_7E_16_11;

    private readonly OsMemory _real = real ?? BigPages.OverIfAsked(CreateForCurrentSystem());
    private readonly UninterruptibleLock _lock = new();

    // All below is guarded by _lock.
    private readonly List<OsCallRecord> _calls = [];
    private readonly List<string> _violations = [];
    private readonly Dictionary<nuint, nuint> _reservations = [];
    private readonly RangeSet _reserved = new();
    private readonly RangeSet _committed = new();
    private Func<OsCall, bool>? _refuses;
    private long _refusals;

    public override nuint PageSize => _real.PageSize;

    public override OsFeatures Features => _real.Features & ~OsFeatures.ReportsFaults;

    public override bool MovesPages => _real.MovesPages;

    public override long MaxArenaBytes => _real.MaxArenaBytes;

    // What was called, oldest first, refused calls included.
    public IReadOnlyList<OsCallRecord> Calls
    {
        get
        {
            using (_lock.Enter())
            {
                return [.. _calls];
            }
        }
    }

    // What the system is to say, without a record: the machine's own limit is no part of any test here.
    public long MemoryLimit { get; set; } = long.MaxValue;

    // Whether not all of that can be read now.
    public bool IsMemoryLimitUnreadable { get; set; }

    public bool ThrowsFromMemoryLimit { get; set; }

    // How many mappings the process is to have used up; 0 for what the system says.
    public long MostMappings { get; set; }

    // Called whenever the mappings have been counted.
    public Action? MappingsCounted { get; set; }

    // How often it was asked for that. By one thread at a time, as tests are that look at it.
    public int MemoryLimitReads { get; private set; }

    // How many calls have been refused so far.
    public long Refusals
    {
        get
        {
            using (_lock.Enter())
            {
                return _refusals;
            }
        }
    }

    // What a move that is refused on purpose leaves of its target.
    public MoveFault MoveFault { get; set; }

    // The mapping that came into a target's place last; null for none.
    public byte* ForeignMapping { get; private set; }

    public int CountOf(OsCall kind) => Calls.Count(call => call.Kind == kind && call.IsDone);

    public void ForgetCalls()
    {
        using (_lock.Enter())
        {
            _calls.Clear();
        }
    }

    // From now on refuses the calls for which the function gives true; null for none. It is called once for each call.
    public void Refuse(Func<OsCall, bool>? refuses)
    {
        using (_lock.Enter())
        {
            _refuses = refuses;
        }
    }

    public void RefuseNone() => Refuse(null);

    public void RefuseAll(OsCall kind) => Refuse(call => call == kind);

    // Refuses one call, counted from the next as 1.
    public void RefuseNth(int number)
    {
        int count = 0;
        Refuse(_ => ++count == number);
    }

    public void RefuseEvery(int number)
    {
        int count = 0;
        Refuse(_ => ++count % number == 0);
    }

    // Refuses the next call, and then one in so many by chance, where so many goes round the given numbers, the next one after every
    // callsEach calls. By chance, since a count may fall on the beat of whoever calls, tries again and is refused again for ever; but the
    // first for certain, since a test may make very few calls.
    public void RefuseAtRandom(int seed, IReadOnlyList<int> oneIn, int callsEach)
    {
        Random random = new(seed);
        int calls = 0;
        Refuse(_ =>
        {
            int before = calls++;
            return before == 0 || random.Next(oneIn[before / callsEach % oneIn.Count]) == 0;
        });
    }

    // How many bytes of a range are committed by this book.
    public long CommittedBytes(void* address, long bytes)
    {
        using (_lock.Enter())
        {
            return (long)_committed.BytesWithin((nuint)address, (nuint)bytes);
        }
    }

    public void AssertNoViolation()
    {
        using (_lock.Enter())
        {
            Assert.True(_violations.Count == 0, string.Join("\n", _violations));
        }
    }

    public override byte* TryReserve(nuint bytes)
    {
        using (_lock.Enter())
        {
            byte* address = IsRefused(OsCall.Reserve) ? null : _real.TryReserve(bytes);
            if (address != null)
            {
                _reservations.Add((nuint)address, bytes);
                _reserved.Add((nuint)address, bytes);
            }

            _calls.Add(new OsCallRecord(OsCall.Reserve, (nuint)address, bytes, address != null));
            return address;
        }
    }

    public override bool TryRelease(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            if (!_reservations.TryGetValue((nuint)address, out nuint whole) || whole != bytes)
            {
                _violations.Add($"Release of 0x{(nuint)address:x}+{bytes}, which is no whole reservation.");
            }

            return Do(OsCall.Release, address, bytes, () => _real.TryRelease(address, bytes), () =>
            {
                _reservations.Remove((nuint)address);
                _reserved.Remove((nuint)address, bytes);
                _committed.Remove((nuint)address, bytes);
            });
        }
    }

    public override bool TryMakeReadable(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            return Do(OsCall.MakeReadable, address, bytes, () => _real.TryMakeReadable(address, bytes), null);
        }
    }

    public override bool TryCommit(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            return Do(OsCall.Commit, address, bytes, () => _real.TryCommit(address, bytes), () =>
            {
                _committed.Add((nuint)address, bytes);

                // Most of the time of tests that fill their blocks would be page faults.
                _real.TryAdviseHugePages(address, bytes, enable: true);
            });
        }
    }

    public override bool TryDecommit(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            return Do(OsCall.Decommit, address, bytes, () => _real.TryDecommit(address, bytes), () => _committed.Remove((nuint)address, bytes));
        }
    }

    public override bool TryProtect(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            RequireCommitted(OsCall.Protect, address, bytes);
            return Do(OsCall.Protect, address, bytes, () => _real.TryProtect(address, bytes), null);
        }
    }

    public override bool TryUnprotect(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            RequireCommitted(OsCall.Unprotect, address, bytes);
            return Do(OsCall.Unprotect, address, bytes, () => _real.TryUnprotect(address, bytes), null);
        }
    }

    public override bool TryDiscard(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            RequireCommitted(OsCall.Discard, address, bytes);
            return Do(OsCall.Discard, address, bytes, () => _real.TryDiscard(address, bytes), () =>
            {
                if (!Has(OsFeatures.DiscardKeepsCommitted))
                {
                    _committed.Remove((nuint)address, bytes);
                }
            });
        }
    }

    // Also a discard, to whoever counts or refuses calls.
    public override bool TryReset(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            RequireCommitted(OsCall.Discard, address, bytes);
            return Do(OsCall.Discard, address, bytes, () => _real.TryReset(address, bytes), null);
        }
    }

    public override bool TryPopulate(byte* address, nuint bytes)
    {
        using (_lock.Enter())
        {
            RequireCommitted(OsCall.Prefault, address, bytes);
            return Do(OsCall.Prefault, address, bytes, () => _real.TryPopulate(address, bytes), null);
        }
    }

    public override bool TryPrefault(byte* address, nuint bytes, PrefaultMode mode)
    {
        using (_lock.Enter())
        {
            RequireCommitted(OsCall.Prefault, address, bytes);
            return Do(OsCall.Prefault, address, bytes, () => _real.TryPrefault(address, bytes, mode), null);
        }
    }

    public override bool TryAdviseHugePages(byte* address, nuint bytes, bool enable)
    {
        using (_lock.Enter())
        {
            return Do(OsCall.AdviseHugePages, address, bytes, () => _real.TryAdviseHugePages(address, bytes, enable), null);
        }
    }

    public override bool TryMove(byte* source, byte* target, nuint bytes)
    {
        using (_lock.Enter())
        {
            RequireCommitted(OsCall.Move, source, bytes);
            RequireCommitted(OsCall.Move, target, bytes);
            bool isMoved = Do(OsCall.Move, source, bytes, () => _real.TryMove(source, target, bytes), null);
            if (!isMoved && MoveFault != MoveFault.Nothing)
            {
                MakeHole(target, bytes);
            }

            return isMoved;
        }
    }

    public override RangeState Reclaim(byte* target, nuint bytes)
    {
        using (_lock.Enter())
        {
            RangeState state = _real.Reclaim(target, bytes);
            if (state != RangeState.Committed)
            {
                _committed.Remove((nuint)target, bytes);
            }

            return state;
        }
    }

    private void MakeHole(byte* target, nuint bytes)
    {
        Assert.Equal(0, LinuxNative.Unmap(target, bytes));
        _committed.Remove((nuint)target, bytes);
        if (MoveFault == MoveFault.ForeignMapping)
        {
            const int Protection = LinuxNative.ProtectRead | LinuxNative.ProtectWrite;
            byte* middle = target + (bytes / 2);
            ForeignMapping = LinuxNative.Map(middle, PageSize, Protection, LinuxNative.MapPrivateAnonymous | LinuxNative.MapFixed, -1, 0);
            Assert.True(ForeignMapping == middle);
            *(ulong*)ForeignMapping = ForeignContents;
        }
    }

    // An arena over this does not live as long as the process.
    public override bool TryReportFaults(FaultMap map) => false;

    public override bool TryReadMemoryLimit(out long bytes)
    {
        MemoryLimitReads++;
        if (ThrowsFromMemoryLimit)
        {
            throw new OutOfMemoryException("No managed memory for the text of a file.");
        }

        bytes = MemoryLimit;
        return !IsMemoryLimitUnreadable;
    }

    public override string? ExplainRefusal()
    {
        string? explanation = MostMappings > 0 ? LinuxMemory.OutOfMappings(MostMappings) : _real.ExplainRefusal();
        MappingsCounted?.Invoke();
        return explanation;
    }

    public void Dispose()
    {
        using (_lock.Enter())
        {
            foreach ((nuint address, nuint bytes) in _reservations)
            {
                _real.TryRelease((byte*)address, bytes);
            }

            _reservations.Clear();
        }
    }

    private bool IsRefused(OsCall kind)
    {
        bool isRefused = _refuses?.Invoke(kind) ?? false;
        _refusals += isRefused ? 1 : 0;
        return isRefused;
    }

    private bool Do(OsCall kind, byte* address, nuint bytes, Func<bool> call, Action? onDone)
    {
        if (bytes == 0 || bytes % PageSize != 0 || (nuint)address % PageSize != 0)
        {
            _violations.Add($"{kind} of 0x{(nuint)address:x}+{bytes}, which is not whole pages.");
        }

        if (!_reserved.Contains((nuint)address, bytes))
        {
            _violations.Add($"{kind} of 0x{(nuint)address:x}+{bytes}, which is outside every reservation.");
        }

        bool isDone = !IsRefused(kind) && call();
        _calls.Add(new OsCallRecord(kind, (nuint)address, bytes, isDone));
        if (isDone)
        {
            onDone?.Invoke();
        }

        return isDone;
    }

    private void RequireCommitted(OsCall kind, byte* address, nuint bytes)
    {
        if (!_committed.Contains((nuint)address, bytes))
        {
            _violations.Add($"{kind} of 0x{(nuint)address:x}+{bytes}, not all of which is committed.");
        }
    }
}
