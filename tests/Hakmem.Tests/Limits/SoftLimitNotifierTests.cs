using System;
using System.Collections.Generic;
using Hakmem.Api;
using Hakmem.Tests.Support;
using Xunit;

namespace Hakmem.Tests.Limits;

// The handlers of a soft limit are called on a pool thread, where an exception outside a handler ends the process.
public sealed class SoftLimitNotifierTests
{
    // That would be refused just when memory is short.
    [Fact]
    public void HandlersAreCalledWithoutAnAllocation()
    {
        SoftLimitNotifier notifier = new(this);
        int calls = 0;
        notifier.Handlers += (_, _) => calls++;
        notifier.Handlers += (_, _) => calls++;
        SoftLimitEventArgs args = new(1, 1);
        notifier.CallAll(args);
        long before = GC.GetAllocatedBytesForCurrentThread();
        notifier.CallAll(args);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(4, calls);
    }

    [Fact]
    public void HandlersComeAndGoAsThoseOfAnEvent()
    {
        SoftLimitNotifier notifier = new(this);
        List<string> calls = [];
        EventHandler<SoftLimitEventArgs> first = (_, _) => calls.Add("first");
        EventHandler<SoftLimitEventArgs> second = (_, _) => calls.Add("second");
        notifier.Handlers += first;
        notifier.Handlers += first + second;
        notifier.Handlers += null;
        notifier.CallAll(new SoftLimitEventArgs(1, 1));
        Assert.Equal(["first", "first", "second"], calls);
        notifier.Handlers -= second;
        notifier.Handlers -= second;
        notifier.Handlers -= first;
        calls.Clear();
        notifier.CallAll(new SoftLimitEventArgs(1, 1));
        Assert.Equal(["first"], calls);
    }

    [Fact]
    public void NoHandlerOfSeveralThreadsIsLost()
    {
        const int Threads = 4;
        const int Each = 100;
        SoftLimitNotifier notifier = new(this);
        int calls = 0;
        Workers.Run(Threads, _ =>
        {
            for (int i = 0; i < Each; i++)
            {
                notifier.Handlers += (_, _) => calls++;
            }
        });
        notifier.CallAll(new SoftLimitEventArgs(1, 1));
        Assert.Equal(Threads * Each, calls);
    }
}
