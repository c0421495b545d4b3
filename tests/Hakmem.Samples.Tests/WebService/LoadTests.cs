using System;
using System.Threading;
using System.Threading.Tasks;
using Hakmem.WebService;
using Xunit;

namespace Hakmem.Samples.Tests.WebService;

// The built-in load: it uses the service, and when it has stopped nothing of it is left.
public sealed class LoadTests(RunningService service) : IClassFixture<RunningService>
{
    [Fact]
    public async Task LoadMovesTheFiguresAndEndsWithoutATrace()
    {
        LoadGenerator load = service.Load;
        Assert.False(load.IsRunning);
        load.Start(service.Address, TimeSpan.FromMinutes(5), workers: 2);
        load.Start(service.Address, TimeSpan.FromMinutes(5), workers: 2);
        Assert.True(load.IsRunning);
        Assert.True(SpinWait.SpinUntil(() => service.Heap.GetStatistics().LiveBlocks > 300, TimeSpan.FromMinutes(1)));
        await load.StopAsync();
        Assert.False(load.IsRunning);
        await load.StopAsync();
        Assert.Equal(0, service.Heap.GetStatistics().LiveBlocks);
    }
}
