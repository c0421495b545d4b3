using System;
using System.Threading;
using Hakmem.Os;
using Xunit;

namespace Hakmem.Tests.Os;

// The checks of a Debug build; a Release build compiles none of them.
public sealed class UninterruptibleLockTests
{
    private readonly UninterruptibleLock _lock = new();

    [Fact]
    public void AssertHeldOutsideTheLockFails() => AssertFails(() => _lock.AssertHeld());

    [Fact]
    public void AssertNotHeldInsideTheLockFails()
    {
        using (_lock.Enter())
        {
            AssertFails(() => _lock.AssertNotHeld());
        }
    }

    [Fact]
    public void AssertHeldOfAnotherThreadsLockFails()
    {
        using (_lock.Enter())
        {
            _lock.AssertHeld();
            Thread other = new(() => AssertFails(() => _lock.AssertHeld()));
            other.Start();
            other.Join();
        }

        _lock.AssertNotHeld();
    }

#if DEBUG
    [Fact]
    public void EnterTwiceFailsInsteadOfWaiting()
    {
        using (_lock.Enter())
        {
            AssertFails(() => _lock.Enter().Dispose());
        }
    }

    [Fact]
    public void ExitOutsideTheLockFails() => AssertFails(_lock.Exit);
#endif

    private static void AssertFails(Action check)
    {
        Exception? failure = Record.Exception(check);
#if DEBUG
        Assert.IsType<SynchronizationLockException>(failure);
#else
        Assert.Null(failure);
#endif
    }
}
