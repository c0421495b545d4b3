using System;
using Xunit;

namespace Hakmem.Tests.Support;

// What is expected of a heap that is handed a bad pointer.
internal static unsafe class Corruption
{
    // The exception names the pointer, in its property and in its message.
    public static void AssertReported(void* pointer, Action action)
    {
        HakmemCorruptionException exception = Assert.Throws<HakmemCorruptionException>(action);
        AssertNames(exception, pointer);
    }

    public static void AssertNames(HakmemCorruptionException exception, void* pointer)
    {
        Assert.Equal((nuint)pointer, exception.Address);
        Assert.Contains(((nuint)pointer).ToString("x", null), exception.Message, StringComparison.OrdinalIgnoreCase);
    }
}
