using System;
using System.Linq;
using System.Runtime.CompilerServices;
using Xunit;

namespace Hakmem.Tests.Architecture;

// Where managed memory is out in a static initializer, the runtime keeps the exception, and every later use of the
// class throws a TypeInitializationException. So no class that is first used in the middle of an operation has one.
public sealed class InitializerTests
{
    private static readonly string[] s_allowed =
    [
        // Part of making the shared heap or any heap.
        "DecayTimer", "HakmemAllocator", "HakmemSettings", "HeapSlots", "HistoryStacks", "LinuxFaultReporter",
        "ProcessArena", "RangeMark", "SizeClassInfo", "StackHash", "TaggedHeap",

        // Numbers alone.
        "LinuxFutex", "MemoryRegion", "Reclaimer", "RegionAllocator", "StatisticsCollector", "Stripe", "WordWait",

        // Pools, before they have anything.
        "NativeMemoryPool", "NativeMemoryPool`1+SharedPool", "PooledMemorySlot`1",

        // Reports, which may fail.
        "CollectorFigures", "EventRequests", "HeapNames", "LeakLog", "MappedFileNames", "SpeedscopeWriter",

        // For what a target lacks.
        "BitOperations", "HakmemCallbacks", "ProcessBarrier", "RuntimeHelpersMembers+Of`1", "StackCapture",
    ];

    // Whose lambdas are of settings, reports and tests. The class that the compiler makes for lambdas has an
    // initializer.
    private static readonly string[] s_allowedLambdas =
    [
        "HakmemAllocator", "HeapMeter", "HeapProfile", "InspectedHeap", "Inspector", "LeakScope", "NativeMemoryReport",
        "OriginalVariable", "PoolMeter", "ProfileRequest", "ReportBuilder", "RuntimeHelpersMembers", "TagLedgers",
    ];

    [Fact]
    public void OnlyTheseClassesHaveAStaticInitializer()
    {
        string[] found =
        [
            .. typeof(HakmemAllocator).Assembly.GetTypes()
                .Where(type => type.TypeInitializer is not null)
                .Where(type => !type.IsDefined(typeof(CompilerGeneratedAttribute), inherit: false))
                .Select(type => type.FullName![(type.Namespace!.Length + 1)..]).Order(StringComparer.Ordinal),
        ];
        Assert.Contains("HakmemAllocator", found);
        string others = string.Join(" ", found.Except(s_allowed));
        Assert.True(others.Length == 0, others);
    }

    [Fact]
    public void OnlyTheseClassesHaveLambdasWithoutCaptures()
    {
        string[] found =
        [
            .. typeof(HakmemAllocator).Assembly.GetTypes()
                .Where(type => type.Name == "<>c")
                .Select(type => type.DeclaringType!.Name).Order(StringComparer.Ordinal),
        ];
        string others = string.Join(" ", found.Except(s_allowedLambdas));
        Assert.True(others.Length == 0, others);
    }
}
