#if DEBUG
using System;
using System.Linq;
using Hakmem.Metrics;
using Hakmem.Os;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Metrics;

// A registration for which there is not enough managed memory publishes nothing.
[Collection(MeterReader.Collection)]
public sealed class FailedRegistrationTests : IDisposable
{
    private readonly HakmemAllocator _heap = new();
    private readonly string _name = Guid.NewGuid().ToString();
    private readonly MeterReader _reader;

    public FailedRegistrationTests() => _reader = new MeterReader(_name);

    public void Dispose()
    {
        _reader.Dispose();
        _heap.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AFailedRegistrationPublishesNothing(bool isPool)
    {
        using NativeMemoryPool pool = new(_heap);
        IDisposable? registration = null;
        int failures = 0;
        while (registration is null)
        {
            ManagedMemory.RefuseNth(failures + 1);
            try
            {
                registration = isPool ? new PoolMeter(pool.GetStatistics, _name) : new HeapMeter(_heap, _name);
            }
            catch (OutOfMemoryException)
            {
                failures++;
                Assert.Empty(_reader.Read());
                Assert.Null(HeapNames.Find(_heap));
            }
            finally
            {
                ManagedMemory.RefuseNth(0);
            }
        }

        Assert.InRange(failures, 2, 1_000);
        Assert.NotEmpty(_reader.Read());
        ManagedMemory.RefuseNth(1);
        registration.Dispose();
        ManagedMemory.RefuseNth(0);
        Assert.Empty(_reader.Read());
        Assert.Null(HeapNames.Find(_heap));
    }
}
#endif
