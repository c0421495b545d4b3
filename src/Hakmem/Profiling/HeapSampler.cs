using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using Hakmem.Events;
using Hakmem.Os;
using Hakmem.Records;

namespace Hakmem.Profiling;

// What a heap profiler counts: draws which allocations are sampled, and keeps the samples and the sums for each stack.
//
// An allocation of a block of s bytes is sampled with the probability p = 1 - exp(-s / mean), independently of all
// others (see SampleChance), and then stands for 1 / p. The sums over such samples are unbiased, whatever the sizes.
// (It is the probability that at least one of s bytes is hit if each is hit by chance once in mean bytes: the same
// profile as if bytes were counted, without a count.)
//
// Nothing here is allocated from a heap of this library, and an allocation that the runtime makes while a stack is
// resolved is not sampled. Thread-safe, by one lock, under which no other is taken.
internal sealed unsafe class HeapSampler
{
    // The bounds of MeanBytes.
    public const long MinMeanBytes = 1;
    public const long MaxMeanBytes = 1L << 40;

    // The default of MaxPerSecond: at a microsecond or two for a sample below a hundredth of one thread's time.
    public const long DefaultMaxPerSecond = 4096;

    // A stack has at most this many frames; 64 KiB would be too much of a small thread's stack for their text.
    private const int MaxFrames = StackHash.MaxFrames;
    private const int MaxTextBytes = 8 << 10;

    // Texts of all profilers, for the life of the process. Room for some thirty thousand stacks.
    private const int StackBytes = 64 << 20;

    private const ulong SeedStep = 0x9E37_79B9_7F4A_7C15;

    [ThreadStatic]
    private static bool t_isInside;

    [ThreadStatic]
    private static DeferredSample t_deferred;

    // Null before the first use. Interlocked, and never changed again.
    private static StackTable? s_stacks;

    private readonly UninterruptibleLock _lock = new();
    private readonly OsMemory _os;

    // Guarded by _lock.
    private SampleRate _rate;
    private readonly SampleTable _samples;
    private readonly StackFigures _figures;
    private readonly HashNumbers _hashes;
    private bool _isClosed;

    // What was asked for, and what is drawn by: see SampleRate. Written under _lock, read by any thread; a slow path
    // may use an old value for a moment.
    private long _meanBytes;
    private long _maxPerSecond;
    private long _drawnMeanBytes;

    // The number of live samples, written under the lock: a thread that frees a sampled block reads it after it
    // received the block, and so after the sample was counted.
    private volatile int _liveSamples;

    private long _lostSamples;

    // How often the runtime was asked to name a stack's methods. Interlocked.
    private long _resolvedStacks;

    // Throws OutOfMemoryException if the system refuses memory for the tables, or managed memory is out.
    public HeapSampler(OsMemory os, long meanBytes)
    {
        _os = os;
        _meanBytes = meanBytes;
        _maxPerSecond = DefaultMaxPerSecondOf(meanBytes);
        SetRate();
        _samples = new SampleTable(os);
        _figures = new StackFigures(os);
        _hashes = new HashNumbers(os);
        try
        {
            if (!_samples.TryPrepare() || !_figures.TryPrepare() || !_hashes.TryPrepare())
            {
                throw new OutOfMemoryException("Hakmem could not reserve memory for the tables of a heap profiler.");
            }

            ManagedMemory.Need();
            StackCapture.Prepare();
            _ = Stacks;
            RuntimeHelpers.RunClassConstructor(typeof(StackHash).TypeHandle);
        }
        catch
        {
            Close();
            throw;
        }
    }

    public static StackTable Stacks =>
        Volatile.Read(ref s_stacks) ?? StackTable.Make(ref s_stacks, StackBytes);

    // Whether a sample is to be raised as an event. Under a lock that code of the program may want it is left out.
    private static bool IsHeard => EventListening.IsOn && !Callouts.AreDeferred;

    // Whether the calling thread is resolving a stack.
    public static bool IsInside => t_isInside;

    // The mean number of bytes between two samples, while they don't come too fast.
    public long MeanBytes
    {
        get => Volatile.Read(ref _meanBytes);
        set
        {
            using (_lock.Enter())
            {
                Volatile.Write(ref _meanBytes, value);
                SetRate();
            }
        }
    }

    // How many samples may be taken in a second, by all threads, before the mean is raised.
    public long MaxPerSecond
    {
        get => Volatile.Read(ref _maxPerSecond);
        set
        {
            using (_lock.Enter())
            {
                Volatile.Write(ref _maxPerSecond, value);
                SetRate();
            }
        }
    }

    // The mean that samples are drawn by now.
    public long DrawnMeanBytes => Volatile.Read(ref _drawnMeanBytes);

    // Samples that were drawn and could not be taken, because memory for them was out.
    public long LostSamples => Volatile.Read(ref _lostSamples);

    // Also once it is closed.
    public SampleTotals Totals
    {
        get
        {
            using (_lock.Enter())
            {
                return _figures.Totals;
            }
        }
    }

    public long ResolvedStacks => Volatile.Read(ref _resolvedStacks);

    // The rate of allocations of so many bytes: see SampleChance.
    public double RateOf(nuint bytes) => (double)nuint.Max(bytes, 1) / DrawnMeanBytes;

    // Whether an allocation of some bytes is sampled, and the weight of the sample. Never within the profiler. Never
    // throws, as Add.
    public bool IsDrawn(nuint bytes, out double weight)
    {
        try
        {
            double rate = RateOf(bytes);
            bool isDrawn = !t_isInside && SampleChance.IsDrawn(rate);
            weight = isDrawn ? SampleChance.WeightOf(rate) : 0;
            return isDrawn;
        }
        catch (OutOfMemoryException)
        {
            weight = 0;
            return false;
        }
    }

    // Notes a sample with the calling thread's stack, and whose blocks the thread allocates. Returns the block, which
    // nobody else has yet: so this does not throw. Without managed memory, which a thread's first use of its
    // thread-statics needs, the sample is lost. drawnBytes: the size by which it was drawn.
    public void* Add(void* block, nuint bytes, double weight, nuint drawnBytes)
    {
        try
        {
            Note(block, bytes, weight, drawnBytes);
        }
        catch (OutOfMemoryException)
        {
            CountLost();
        }

        return block;
    }

    private void Note(void* block, nuint bytes, double weight, nuint drawnBytes)
    {
        double expected = weight * SampleChance.Of(RateOf(drawnBytes));
        Sample sample = new()
        {
            Address = (nuint)block,
            Bytes = bytes,
            Weight = weight,
            BornAt = SampleAge.Now,
        };
        if (IsHeard)
        {
            HakmemEventSource.TellSampled(sample.Address, bytes, weight);
        }

        ISampleOwner? owner = SampleOwnership.Current;
        bool isHashed = StackHash.TryTake(out ulong hash);
        hash ^= owner is null ? 0 : owner.Number * SeedStep;
        using (_lock.Enter())
        {
            sample.Stack = isHashed ? _hashes.Find(hash) : StackTable.None;
            if (sample.Stack != StackTable.None)
            {
                AddLocked(sample, expected);
                return;
            }
        }

        if (Callouts.AreDeferred)
        {
            // First, since it may throw.
            ManagedMemory.Need();
            t_deferred = new DeferredSample
            {
                Sampler = this,
                Address = sample.Address,
                Hash = hash,
                IsHashed = isHashed,
                Owner = owner,
            };
            Callouts.NoteDeferred();
            using (_lock.Enter())
            {
                AddLocked(sample, expected);
            }

            return;
        }

        Interlocked.Increment(ref _resolvedStacks);
        sample.Stack = Resolve(owner);
        using (_lock.Enter())
        {
            if (isHashed && !_isClosed)
            {
                _hashes.Add(hash, sample.Stack);
            }

            AddLocked(sample, expected);
        }
    }

    // Resolves the stack of the last sample that was taken while that was not allowed. The calling thread's stack is
    // the same but for frames of this library, which are left out. Never throws.
    public static void ResolveDeferred()
    {
        if (TryTakeDeferred(out DeferredSample deferred))
        {
            deferred.Sampler!.ResolveLater(deferred);
        }
    }

    private static bool TryTakeDeferred(out DeferredSample deferred)
    {
        try
        {
            ManagedMemory.Need();
            deferred = t_deferred;
            t_deferred = default;
            return deferred.Sampler is not null;
        }
        catch (OutOfMemoryException)
        {
            // A thread's first use of the field needs managed memory, so nothing was noted there.
            deferred = default;
            return false;
        }
    }

    private void ResolveLater(DeferredSample deferred)
    {
        Interlocked.Increment(ref _resolvedStacks);
        int stack = Resolve(deferred.Owner);
        using (_lock.Enter())
        {
            if (_isClosed)
            {
                return;
            }

            if (deferred.IsHashed)
            {
                _hashes.Add(deferred.Hash, stack);
            }

            if (_samples.TryRemove(deferred.Address, out Sample sample))
            {
                bool isMoved = sample.Stack == StackTable.None && _figures.TryMove(sample, stack);
                sample.Stack = isMoved ? stack : sample.Stack;
                _ = _samples.TryAdd(sample);
            }
        }
    }

    // Ends the sample of a block that is about to be freed, if it is one.
    public void Remove(void* block)
    {
        if (_liveSamples != 0 && TryTake(block, out Sample sample))
        {
            TellTaken(sample);
        }
    }

    // Tells listeners of a sample that TryTake ended.
    public static void TellTaken(Sample sample)
    {
        if (IsHeard)
        {
            HakmemEventSource.TellSampleFreed(sample.Address, sample.Bytes);
        }
    }

    // The same as Remove, for a block that may stay: PutBack follows, or else TellTaken.
    public bool TryTake(void* block, out Sample sample)
    {
        using (_lock.Enter())
        {
            bool isThere = _samples.TryRemove((nuint)block, out sample);
            if (isThere)
            {
                _figures.Remove(sample);
                _liveSamples = _samples.Count;
            }

            return isThere;
        }
    }

    // Undoes TryTake.
    public void PutBack(Sample sample)
    {
        using (_lock.Enter())
        {
            if (!_isClosed && _samples.TryAdd(sample))
            {
                _figures.Restore(sample);
                _liveSamples = _samples.Count;
            }
        }
    }

    // Ends all samples, because the heap releases its memory as a whole.
    public void RemoveAll()
    {
        using (_lock.Enter())
        {
            if (!_isClosed)
            {
                _samples.Clear();
                _figures.RemoveAll();
                _liveSamples = 0;
            }
        }
    }

    public void CountLost() => Interlocked.Increment(ref _lostSamples);

    // Copies the figures of each stack, by its number: all of one moment. Throws OutOfMemoryException, or
    // ObjectDisposedException if the sampler is closed.
    public StackFigure[] Copy(bool isPeak)
    {
        StackFigure[] copy = [];
        while (true)
        {
            int wanted;
            using (_lock.Enter())
            {
                wanted = _isClosed ? -1 : _figures.Count;
                if (wanted >= 0 && wanted <= copy.Length)
                {
                    _figures.CopyTo(copy, isPeak);
                    return copy;
                }
            }

            // Managed memory is allocated outside the lock.
            Argument.RequireAlive(wanted >= 0, typeof(HeapSampler));
            copy = new StackFigure[wanted];
        }
    }

    // How old the live samples of each stack are, by its number. May have fewer stacks than Copy, or more. Throws as
    // Copy does.
    public SampleAge[] CopyAges(TimeSpan minAge)
    {
        SampleAge[] ages = new SampleAge[CountStacks()];
        using (_lock.Enter())
        {
            _samples.AddAges(ages, SampleAge.Now, SampleAge.UnitsOf(minAge));
        }

        return ages;
    }

    private int CountStacks()
    {
        using (_lock.Enter())
        {
            return _figures.Count;
        }
    }

    // Releases the tables. Slow paths that still have the sampler find it closed.
    public void Close()
    {
        using (_lock.Enter())
        {
            _isClosed = true;
            _liveSamples = 0;
            _samples.Release();
            _figures.Release();
            _hashes.Release();
        }
    }

    // A mean below the default asks for more samples, and so allows more.
    private static long DefaultMaxPerSecondOf(long meanBytes) =>
        Math.Max(DefaultMaxPerSecond * HakmemProfiler.DefaultMeanSampleBytes / meanBytes, DefaultMaxPerSecond);

    private void SetRate()
    {
        _rate = new SampleRate(_meanBytes, _maxPerSecond);
        Volatile.Write(ref _drawnMeanBytes, _rate.MeanBytes);
    }

    private static int Resolve(ISampleOwner? owner)
    {
        if (t_isInside)
        {
            return StackTable.None;
        }

        t_isInside = true;
        try
        {
            return StackCapture.Take(Stacks, MaxFrames, MaxTextBytes, owner);
        }
        catch (Exception)
        {
            // Whatever a handler of the program threw: the block is served, and its stack is unknown.
            return StackTable.None;
        }
        finally
        {
            t_isInside = false;
        }
    }

    private void AddLocked(Sample sample, double expected)
    {
        _lock.AssertHeld();
        if (_isClosed)
        {
            return;
        }

        if (_rate.Note(Stopwatch.GetTimestamp(), expected))
        {
            Volatile.Write(ref _drawnMeanBytes, _rate.MeanBytes);
        }

        if (_samples.TryRemove(sample.Address, out Sample earlier))
        {
            _figures.Remove(earlier);
        }

        if (!_samples.TryAdd(sample))
        {
            CountLost();
        }
        else if (!_figures.TryAdd(sample))
        {
            _ = _samples.TryRemove(sample.Address, out _);
            CountLost();
        }

        _liveSamples = _samples.Count;
    }

    // A sample whose stack is still to be resolved.
    private struct DeferredSample
    {
        public HeapSampler? Sampler;
        public nuint Address;
        public ulong Hash;
        public bool IsHashed;
        public ISampleOwner? Owner;
    }
}
