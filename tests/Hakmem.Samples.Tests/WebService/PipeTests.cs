using System;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Samples.Tests.Support;
using Hakmem.WebService;
using Xunit;

namespace Hakmem.Samples.Tests.WebService;

// The handlers' pipes when something fails that is neither the network nor the client: whoever waits is told, and every buffer is back.
public sealed class PipeTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(1);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AnUploadThatGetsNoMemoryFails()
    {
        using FullHeap full = new();
        using Rentals rentals = new(full.Heap);
        using MemoryStream body = new(new byte[300_000]);
        await Assert.ThrowsAsync<OutOfMemoryException>(
            () => Uploads.HashAsync(body, rentals, Cancelled).WaitAsync(s_patience, Cancelled));
        Assert.Equal(full.LiveBlocks, full.Heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public async Task AnUploadWhoseBodyFailsMidwayFailsLikeIt()
    {
        using HakmemAllocator heap = new();
        using Rentals rentals = new(heap);
        using FailingStream body = new(reads: 3);
        await Assert.ThrowsAsync<NotSupportedException>(
            () => Uploads.HashAsync(body, rentals, Cancelled).WaitAsync(s_patience, Cancelled));
        Assert.Equal(0, heap.GetStatistics().LiveBlocks);
    }

    [Fact]
    public async Task AnExportThatGetsNoMemoryFailsOnceItsBodyIsLeftAlone()
    {
        bool wasHeld = false;
        for (int attempt = 0; !wasHeld && attempt < 20; attempt++)
        {
            using FullHeap full = new(segmentsLeft: 3);
            using Rentals rentals = new(full.Heap);
            using HeldStream body = new();

            // No segment is back before the body is let go, so memory ends while it is being written; unless memory
            // ends before the pipe's reader has run at all.
            Task exporting = Exports.WriteAsync(body, 100_000, rentals, Cancelled);
            await Task.WhenAny(exporting, body.IsHeld).WaitAsync(s_patience, Cancelled);
            wasHeld = body.IsHeld.IsCompleted;
            if (wasHeld)
            {
                Assert.True(full.Heap.GetStatistics().LiveBlocks > full.LiveBlocks);
                Assert.False(exporting.IsCompleted);
            }

            body.LetGo();
            await Assert.ThrowsAsync<OutOfMemoryException>(() => exporting.WaitAsync(s_patience, Cancelled));
            Assert.Equal(full.LiveBlocks, full.Heap.GetStatistics().LiveBlocks);
        }

        Assert.True(wasHeld);
    }

    // Gives zeros a number of times, and then what no handler expects.
    private sealed class FailingStream(int reads) : MemoryStream
    {
        private int _left = reads;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_left-- == 0)
            {
                throw new NotSupportedException("The body cannot be read on.");
            }

            buffer.Span.Clear();
            return ValueTask.FromResult(buffer.Length);
        }
    }

    // Writes nothing until it is let go.
    private sealed class HeldStream : MemoryStream
    {
        private readonly TaskCompletionSource _letGo = new(TaskCreationOptions.RunContinuationsAsynchronously);

        private readonly TaskCompletionSource _held = new(TaskCreationOptions.RunContinuationsAsynchronously);

        // Completed by the first write.
        public Task IsHeld => _held.Task;

        public void LetGo() => _letGo.SetResult();

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _held.TrySetResult();
            await _letGo.Task;
            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
