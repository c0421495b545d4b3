using System;
using System.Buffers;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.Benchmarks.Subjects;
using Hakmem.Benchmarks.Workloads;
using Xunit;

namespace Hakmem.Benchmarks.Tests.Workloads;

// The rows of tags and of waiting: they do what their names say, on every subject that they fit.
public sealed class LimitWorkloadTests
{
    [Fact]
    public void TaggedAllocatesAndFreesEachBlock()
    {
        Recording recording = RecordingSubject.Record(WorkloadCatalog.Find("tagged"), 1_000);
        Assert.Equal(1_000, recording.Operations);
        Assert.Equal(1_000, recording.Freed.Count);
        Assert.Equal((0, 0), (recording.LeftCount, recording.UnwrittenCount));
        Assert.Equal(32 + (24 * 49), (int)recording.Freed.Max(block => block.ByteCount));
    }

    [Theory]
    [InlineData("hakmem-tagged")]
    [InlineData("hakmem-tagged-limit")]
    public void ATagsSubjectCountsForItsTagAndFitsNoOtherRow(string name)
    {
        MemoryTag tag = name == "hakmem-tagged" ? TaggedSubject.Tag : LimitedTagSubject.Tag;
        Subject subject = SubjectCatalog.Find(name);
        Assert.Null(subject.BodyOf(WorkloadCatalog.Find("tiny-for")));
        Assert.Equal(500, subject.BodyOf(WorkloadCatalog.Find("tagged"))!(500));
        Assert.Equal(0, tag.LiveBytes);
        Assert.InRange(tag.PeakBytes, 30_000, 80_000);
    }

    [Theory]
    [InlineData("hakmem-rent-async")]
    [InlineData("semaphore-arraypool")]
    public void RentAsyncServesAllOnEachOfItsSubjects(string name)
    {
        Subject subject = SubjectCatalog.Find(name);
        Assert.Equal(640, subject.BodyOf(WorkloadCatalog.Find("rent-async"))!(625));
        Assert.Null(subject.BodyOf(WorkloadCatalog.Find("async")));
    }

    [Fact]
    public void NeitherQueueLetsMoreThanItsRoomOut()
    {
        foreach (Func<IBufferQueue> create in new Func<IBufferQueue>[]
        {
            () => new PoolQueue(RentAsyncWorkload.MaxBuffers, RentAsyncWorkload.BufferBytes),
            () => new SemaphoreQueue(RentAsyncWorkload.MaxBuffers),
        })
        {
            int most = 0;
            WorkloadBody body = WorkloadCatalog.Find("rent-async").ForQueue(
                () => new CountingQueue(create(), count => most = Math.Max(most, count)))!;
            Assert.Equal(3_200, body(3_200));
            Assert.InRange(most, 1, RentAsyncWorkload.MaxBuffers);
        }
    }

    // Tells how many buffers are out whenever one goes out.
    private sealed class CountingQueue(IBufferQueue inner, Action<int> tell) : IBufferQueue
    {
        private readonly Lock _lock = new();
        private int _out;

        public async ValueTask<IMemoryOwner<byte>> RentAsync(int byteCount)
        {
            IMemoryOwner<byte> owner = await inner.RentAsync(byteCount);
            Assert.True(owner.Memory.Length >= byteCount);
            Change(1);
            return new CountedOwner(owner, () => Change(-1));
        }

        public void Dispose()
        {
            Assert.Equal(0, _out);
            inner.Dispose();
        }

        private void Change(int difference)
        {
            lock (_lock)
            {
                _out += difference;
                tell(_out);
            }
        }
    }

    private sealed class CountedOwner(IMemoryOwner<byte> inner, Action onDispose) : IMemoryOwner<byte>
    {
        public Memory<byte> Memory => inner.Memory;

        public void Dispose()
        {
            // Before the room is another's.
            onDispose();
            inner.Dispose();
        }
    }
}
