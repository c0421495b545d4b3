using System;
using System.Threading;
using Hakmem.Pages;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Limits;

// The limits on committed bytes by themselves.
public sealed class HeapBudgetTests
{
    private const int Threads = 4;

    private int _told;

    [Fact]
    public void BytesUpToTheHardLimitAreAdmitted()
    {
        HeapBudget budget = New(0, 100);
        Assert.True(budget.TryAdd(60));
        Assert.False(budget.TryAdd(41));
        Assert.True(budget.TryAdd(40));
        Assert.False(budget.Admits(1));
        budget.Remove(100);
        Assert.True(budget.Admits(100));
        Assert.Equal(0, budget.CommittedBytes);
        Assert.Equal(100, budget.PeakBytes);
    }

    [Fact]
    public void TheLargestRequestWithoutALimitDoesNotOverflow()
    {
        HeapBudget budget = New(0, 0);
        Assert.True(budget.TryAdd(10));
        Assert.False(budget.TryAdd(long.MaxValue));
        Assert.True(budget.TryAdd(long.MaxValue - 10));
        Assert.Equal(long.MaxValue, budget.CommittedBytes);
    }

    [Fact]
    public void TheLargestRequestDoesNotOverflow()
    {
        HeapBudget budget = New(long.MaxValue, long.MaxValue);
        Assert.True(budget.TryAdd(10));
        Assert.False(budget.TryAdd(long.MaxValue));
        Assert.Equal(10, budget.CommittedBytes);
        Assert.False(budget.IsAboveSoft);
    }

    // As those of a tag are, where what a thread has added is not passed on yet and what another one freed is.
    [Theory]
    [InlineData(0)]
    [InlineData(long.MaxValue)]
    public void BytesBelowNoneAdmitARequest(long hardBytes)
    {
        HeapBudget budget = New(0, hardBytes);
        budget.Remove(16);
        Assert.True(budget.Admits(long.MaxValue));
        Assert.True(budget.TryAdd(long.MaxValue));
        Assert.Equal(long.MaxValue - 16, budget.CommittedBytes);
    }

    [Fact]
    public void ASoftLimitIsToldOnceUntilUseFallsBelowNinety()
    {
        HeapBudget budget = New(100, 0);
        Add(budget, 100);
        Assert.Equal(0, _told);
        Add(budget, 1);
        Assert.Equal(1, _told);

        // Down to the limit's nine tenths and up again.
        budget.Remove(11);
        Assert.True(budget.IsAboveSoft);
        Add(budget, 20);
        Assert.Equal(1, _told);
        budget.Remove(21);
        Assert.False(budget.IsAboveSoft);
        Add(budget, 11);
        Assert.Equal(1, _told);
        Add(budget, 1);
        Assert.Equal(2, _told);
    }

    [Fact]
    public void AnExceededLimitThatIsSetIsToldAgain()
    {
        HeapBudget budget = New(100, 0);
        Add(budget, 200);
        budget.SetLimits(150, 0);
        budget.TellIfAbove();
        Assert.Equal(2, _told);
        budget.SetLimits(0, 0);
        budget.TellIfAbove();
        Assert.Equal(2, _told);
        Assert.False(budget.IsAboveSoft);
    }

    // Another call has set one of its limits.
    [Fact]
    public void TheLimitsOfOneCallHold()
    {
        HeapBudget budget = New(0, 0);
        Thread other = new(() => budget.SetLimits(48, 64)) { IsBackground = true };
        budget.OnSetting = () =>
        {
            budget.OnSetting = null;
            other.Start();
            other.Join(TimeSpan.FromMilliseconds(200));
        };
        budget.SetLimits(96, 128);
        other.Join();
        Assert.Equal((48, 64), (budget.SoftBytes, budget.HardBytes));
    }

    [Fact]
    public void WhatCouldNotBeToldIsToldLater()
    {
        HeapBudget budget = new(new HeapLimits { SoftLimitBytes = 10 }) { Notify = () => ++_told > 1 };
        Add(budget, 11);
        Assert.Equal(1, _told);
        budget.TellIfAbove();
        budget.TellIfAbove();
        Assert.Equal(2, _told);
    }

    [Fact]
    public void ThreadsThatRaceNeverExceedTheHardLimit()
    {
        const int Steps = 20_000;
        HeapBudget budget = New(50, 100);
        Workers.Run(Threads, index =>
        {
            for (int step = 0; step < Steps; step++)
            {
                long bytes = 1 + ((step + index) % 40);
                if (budget.TryAdd(bytes))
                {
                    budget.TellIfAbove();
                    budget.Remove(bytes);
                }
            }
        });
        Assert.Equal(0, budget.CommittedBytes);
        Assert.InRange(budget.PeakBytes, 1, 100);
        Assert.False(budget.IsAboveSoft);
    }

    // A thread finds that use has fallen below nine tenths, and before it says so another exceeds the limit.
    [Fact]
    public void ALimitThatIsExceededBesideARemovalIsTold()
    {
        HeapBudget budget = New(100, 0);
        Add(budget, 101);
        budget.OnRearm = () =>
        {
            budget.OnRearm = null;
            Add(budget, 70);
        };
        budget.Remove(50);
        Assert.True(budget.IsAboveSoft);
        budget.TellIfAbove();
        budget.TellIfAbove();
        Assert.Equal(2, _told);
    }

    // The same, but the other thread also finds that, and tells that the limit is exceeded.
    [Fact]
    public void ALateRemovalTellsNothingAgain()
    {
        HeapBudget budget = New(100, 0);
        Add(budget, 101);
        budget.OnRearm = () =>
        {
            budget.OnRearm = null;
            budget.Remove(1);
            Add(budget, 71);
        };
        budget.Remove(50);
        Assert.Equal(2, _told);
        Add(budget, 1);
        Assert.Equal(2, _told);
    }

    private static void Add(HeapBudget budget, long bytes)
    {
        Assert.True(budget.TryAdd(bytes));
        budget.TellIfAbove();
    }

    private HeapBudget New(long soft, long hard) => new(new HeapLimits { SoftLimitBytes = soft, MaxBytes = hard })
    {
        Notify = () =>
        {
            _told++;
            return true;
        },
    };
}
