using System.Diagnostics;
using System.Linq;
using Xunit;

namespace Hakmem.Tests.Inspection;

// What is kept of the leaks that pools report.
public sealed class LeakLogTests
{
    [Fact]
    public void LeaksOfAStackAreOneEntry()
    {
        StackTrace stack = new();
        string own = $"{typeof(LeakLogTests).FullName}.{nameof(LeaksOfAStackAreOneEntry)}";
        LeakLog.Add(100, stack);
        LeakLog.Add(50, stack);
        LeakLog.Entry entry = LeakLog.Read().Entries.Single(entry => entry.Frames.FirstOrDefault() == own);
        Assert.Equal(2, entry.Count);
        Assert.Equal(150, entry.Bytes);
        Assert.InRange(entry.LastAt, entry.FirstAt, entry.FirstAt.AddMinutes(1));
    }
}
