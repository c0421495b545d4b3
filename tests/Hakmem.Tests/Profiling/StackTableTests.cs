using System;
using System.Text;
using Hakmem.Profiling;
using Hakmem.Tests.Os;
using Xunit;

namespace Hakmem.Tests.Profiling;

public sealed class StackTableTests : IDisposable
{
    private readonly FaultyMemory _os = new();

    public void Dispose() => _os.Dispose();

    [Fact]
    public void ATextIsKeptOnce()
    {
        StackTable table = new(_os, 1 << 16);
        int first = table.Add("one\n"u8);
        int second = table.Add("two\n"u8);
        Assert.NotEqual(first, second);
        Assert.Equal(first, table.Add("one\n"u8));
        Assert.Equal("one\n", table.StringOf(first));
        Assert.Equal("two\n", table.StringOf(second));
        Assert.Null(table.StringOf(StackTable.None));
    }

    [Fact]
    public void AFullTableSaysSoAndKeepsWhatItHas()
    {
        StackTable table = new(_os, 1 << 12);
        int first = table.Add("first\n"u8);
        int last = first;
        for (int i = 0; i < 1_000; i++)
        {
            last = table.Add(Encoding.UTF8.GetBytes($"   at Some.Type.Method{i}\n"));
        }

        Assert.Equal(StackTable.Full, last);
        Assert.Contains("full", table.StringOf(last), StringComparison.Ordinal);
        Assert.Equal(first, table.Add("first\n"u8));
        Assert.Equal("first\n", table.StringOf(first));
    }

    [Fact]
    public void WithoutMemoryThereAreNoStacks()
    {
        _os.RefuseAll(OsCall.Commit);
        StackTable table = new(_os, 1 << 16);
        Assert.Equal(StackTable.None, table.Add("one\n"u8));
        _os.RefuseNone();
        Assert.Equal("one\n", table.StringOf(table.Add("one\n"u8)));
    }
}
