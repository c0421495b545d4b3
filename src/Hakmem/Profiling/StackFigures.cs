using System;
using System.Diagnostics;
using Hakmem.Os;

namespace Hakmem.Profiling;

// What a profile says of each stack, by the stack's number in its StackTable, and of all of them.
//
// The figures at the peak cost a comparison for each sample. Whenever the live bytes exceed all before, _peak counts
// one more. A stack's live figures at that moment are those that it still has when they are next changed: then they are
// copied, if that has not been done for this peak.
//
// Not thread-safe: the sampler's lock guards it.
internal sealed unsafe class StackFigures(OsMemory os)
{
    private const int InitialLength = 1 << 10;

    private OutOfBandArray<StackFigure> _items;
    private long _peak;
    private double _liveBytes;
    private double _peakBytes;

    // With _liveBytes, the sums over all stacks.
    private double _liveObjects;
    private double _allocatedObjects;
    private double _allocatedBytes;
    private long _taken;

    // One more than the largest number of a stack with figures.
    public int Count { get; private set; }

    public SampleTotals Totals => new(
        _taken, _allocatedObjects, _allocatedBytes, _allocatedObjects - _liveObjects, _allocatedBytes - _liveBytes);

    public bool TryPrepare() => _items.Items != null || TryResize(InitialLength);

    // False if there is no room for the stack; then nothing has changed.
    public bool TryAdd(Sample sample)
    {
        if (!TryMakeRoom(sample.Stack))
        {
            return false;
        }

        double bytes = sample.Weight * sample.Bytes;
        Count = Math.Max(Count, sample.Stack + 1);
        StackFigure* figure = KeepPeak(sample.Stack);
        figure->AllocatedObjects += sample.Weight;
        figure->AllocatedBytes += bytes;
        figure->LiveObjects += sample.Weight;
        figure->LiveBytes += bytes;
        figure->LiveSamples++;
        figure->Samples++;
        _liveBytes += bytes;
        _liveObjects += sample.Weight;
        _allocatedObjects += sample.Weight;
        _allocatedBytes += bytes;
        _taken++;
        if (_liveBytes > _peakBytes)
        {
            _peakBytes = _liveBytes;
            _peak++;
        }

        return true;
    }

    // Counts a sample for another stack than before; false if there is no room for that.
    public bool TryMove(Sample sample, int stack)
    {
        if (!TryMakeRoom(stack))
        {
            return false;
        }

        // Removed first: with the block twice in the sum, the peak would be one that never was. If it is the peak now,
        // it has the block under its new stack afterwards.
        bool isPeak = _liveBytes >= _peakBytes;
        Remove(sample);
        StackFigure* figure = _items.Items + sample.Stack;
        figure->AllocatedObjects -= sample.Weight;
        figure->AllocatedBytes -= sample.Weight * sample.Bytes;
        figure->Samples--;
        _allocatedObjects -= sample.Weight;
        _allocatedBytes -= sample.Weight * sample.Bytes;
        _taken--;
        sample.Stack = stack;
        bool isAdded = TryAdd(sample);
        Debug.Assert(isAdded, "There is room for the stack.");
        if (isPeak)
        {
            _peakBytes = _liveBytes;
            _peak++;
        }

        return true;
    }

    // The block of a sample that was added before is freed.
    public void Remove(Sample sample)
    {
        double bytes = sample.Weight * sample.Bytes;
        StackFigure* figure = KeepPeak(sample.Stack);
        _liveBytes -= bytes;
        _liveObjects -= sample.Weight;
        figure->LiveObjects -= sample.Weight;
        figure->LiveBytes -= bytes;
        figure->LiveSamples--;
        if (figure->LiveSamples == 0)
        {
            // Exactly nothing, not the rounding errors of the sum.
            figure->LiveObjects = 0;
            figure->LiveBytes = 0;
        }
    }

    // Undoes Remove.
    public void Restore(Sample sample)
    {
        double bytes = sample.Weight * sample.Bytes;
        StackFigure* figure = KeepPeak(sample.Stack);
        figure->LiveObjects += sample.Weight;
        figure->LiveBytes += bytes;
        figure->LiveSamples++;
        _liveBytes += bytes;
        _liveObjects += sample.Weight;
    }

    // All blocks are freed.
    public void RemoveAll()
    {
        for (int stack = 0; stack < Count; stack++)
        {
            StackFigure* figure = KeepPeak(stack);
            figure->LiveObjects = 0;
            figure->LiveBytes = 0;
            figure->LiveSamples = 0;
        }

        _liveBytes = 0;
        _liveObjects = 0;
    }

    // Copies the figures of each stack. At the peak, the live figures are those of then.
    public void CopyTo(Span<StackFigure> copy, bool isPeak)
    {
        for (int stack = 0; stack < Count; stack++)
        {
            StackFigure figure = isPeak ? *KeepPeak(stack) : _items.Items[stack];
            figure.LiveObjects = isPeak ? figure.PeakObjects : figure.LiveObjects;
            figure.LiveBytes = isPeak ? figure.PeakBytes : figure.LiveBytes;
            copy[stack] = figure;
        }
    }

    public void Release() => _items.Release(os);

    // Before a stack's live figures change.
    private StackFigure* KeepPeak(int stack)
    {
        StackFigure* figure = _items.Items + stack;
        if (figure->Peak != _peak)
        {
            figure->PeakObjects = figure->LiveObjects;
            figure->PeakBytes = figure->LiveBytes;
            figure->Peak = _peak;
        }

        return figure;
    }

    private bool TryMakeRoom(int stack)
    {
        int length = Math.Max(_items.Length, InitialLength);
        while (length <= stack)
        {
            length *= 2;
        }

        return length <= _items.Length || TryResize(length);
    }

    private bool TryResize(int length)
    {
        if (!OutOfBandArray<StackFigure>.TryCreate(os, length, out OutOfBandArray<StackFigure> items))
        {
            return false;
        }

        new ReadOnlySpan<StackFigure>(_items.Items, _items.Length).CopyTo(new Span<StackFigure>(items.Items, length));
        _items.Release(os);
        _items = items;
        return true;
    }
}

// The estimates for one stack.
internal struct StackFigure
{
    public double AllocatedObjects;
    public double AllocatedBytes;
    public double LiveObjects;
    public double LiveBytes;
    public double PeakObjects;
    public double PeakBytes;

    // The peak that the two above belong to.
    public long Peak;

    // Not estimates: the samples taken and those of live blocks.
    public long Samples;
    public long LiveSamples;
}
