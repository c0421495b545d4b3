using System;
using System.Buffers;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// What a debugger shows of this package's types.
public sealed class DebuggerDisplayTests
{
    public static TheoryData<Type> PublicTypes { get; } =
        new(DebuggerEvaluation.PublicTypesOf(typeof(PinnedMemoryPool).Assembly));

    [Theory]
    [MemberData(nameof(PublicTypes))]
    public void EveryPublicTypeHasADisplay(Type type) => DebuggerEvaluation.AssertDisplayNamesMembers(type);

    [Fact]
    public void APoolShowsItsBlocksUntilItIsDisposed()
    {
        PinnedMemoryPool pool = new();
        Assert.Equal(
            "0 blocks of 4096 bytes, 0 free outside of thread caches", DebuggerEvaluation.DisplayOf(pool));
        using IMemoryOwner<byte> owner = pool.Rent();
        Assert.StartsWith("32 blocks of 4096 bytes, ", DebuggerEvaluation.DisplayOf(pool), StringComparison.Ordinal);
        Assert.Equal("4096 of 131072 bytes rented", DebuggerEvaluation.DisplayOf(pool.GetStatistics()));
        pool.Dispose();
        Assert.Equal("disposed", DebuggerEvaluation.DisplayOf(pool));
    }

    [Fact]
    public void OptionsShowWhatIsSet()
    {
        HakmemServiceOptions options = new() { Isolated = true };
        Assert.Equal("Isolated = True", DebuggerEvaluation.DisplayOf(options));
        Assert.Equal("nothing is set", DebuggerEvaluation.DisplayOf(options.Heap));
        options.Heap.MaxBytes = 5;
        options.Heap.FaultReports = false;
        Assert.Equal("set: MaxBytes, FaultReports", DebuggerEvaluation.DisplayOf(options.Heap));
        Assert.Equal("MaxBufferSize = 2147483647, MaxBytes = 0", DebuggerEvaluation.DisplayOf(options.Pool));
        Assert.Equal("MaxBytes = 0, IdleTimeout = 00:00:10", DebuggerEvaluation.DisplayOf(options.Kestrel));
    }

    [Fact]
    public void APoolsDisplayWaitsForNoLock()
    {
        using PinnedMemoryPool pool = new();
        using IMemoryOwner<byte> owner = pool.Rent();
        int locks = AllLocks.HoldWhile(pool, () => DebuggerEvaluation.DisplayOf(pool));
        Assert.InRange(locks, 1, int.MaxValue);
    }
}
