using System;
using System.Buffers;
using System.Diagnostics.Tracing;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Memory;

// The framework's shared array pool has locks, which ask the thread's SynchronizationContext to wait and throw when the
// thread is interrupted: no allocation and no free may rent from it, as formatting a text does.
public sealed unsafe class SharedArrayPoolTests
{
    private const string EventsSwitch = "System.Diagnostics.Tracing.EventSource.IsSupported";

    [Theory]
    [InlineData(HardeningLevel.Standard, 0)]
    [InlineData(HardeningLevel.Checked, 0)]
    [InlineData(HardeningLevel.Full, 0)]
    [InlineData(HardeningLevel.Full, 1 << 20)]
    public void CallsOfAHeapDoNotRentFromIt(HardeningLevel level, long quarantineBytes)
    {
        Assert.SkipWhen(AppContext.TryGetSwitch(EventsSwitch, out bool hasEvents) && !hasEvents, "The runtime has no event sources.");
        using HakmemAllocator heap = new(new HakmemOptions { Hardening = level, QuarantineBytes = quarantineBytes });
        using RentListener rents = new();
        ArrayPool<char>.Shared.Return(ArrayPool<char>.Shared.Rent(100));
        Assert.Equal(1, rents.Count);
        foreach (nuint size in new nuint[] { BlockSizes.Tiny, 2_000, BlockSizes.Mid, BlockSizes.Large })
        {
            void* block = heap.Realloc(heap.Alloc(size), 2 * size);
            heap.Free(heap.AllocZeroed(size));
            heap.Free(block);
            heap.Trim();
        }

        Assert.Equal(1, rents.Count);
    }

    // Counts the rentals of the thread that made it.
    private sealed class RentListener : EventListener
    {
        private const int RentedEvent = 1;

        private readonly int _thread = Environment.CurrentManagedThreadId;

        public int Count { get; private set; }

        protected override void OnEventSourceCreated(EventSource eventSource)
        {
            if (eventSource.Name == "System.Buffers.ArrayPoolEventSource")
            {
                EnableEvents(eventSource, EventLevel.Verbose);
            }
        }

        protected override void OnEventWritten(EventWrittenEventArgs eventData)
        {
            if (eventData.EventId == RentedEvent && Environment.CurrentManagedThreadId == _thread)
            {
                Count++;
            }
        }
    }
}
