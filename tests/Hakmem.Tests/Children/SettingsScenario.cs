using System;
using System.Globalization;
using System.Linq;
using System.Reflection;
using Hakmem.Pages;
using Hakmem.Tests.Support;

namespace Hakmem.Tests.Children;

// Prints what options are in force. Arguments of the form `Name=value` are put into AppContext first.
internal static unsafe class SettingsScenario
{
    public static void Run(string[] args)
    {
        foreach (string argument in args)
        {
            string[] pair = argument.Split('=');
            AppContext.SetData("Hakmem." + pair[0], pair[1]);
        }

        HakmemOptions options = new();
        Print("Prefault", (long)options.Prefault);
        Print("LazyZero", (long)options.LazyZero);
        Print("HugePages", (long)options.HugePages);
        Print("MaxBytes", options.MaxBytes);
        Print("ThreadCacheBytes", options.ThreadCacheBytes);
        Print("SuperSlabCacheCount", options.SuperSlabCacheCount);
        Print("SuperSlabCacheBytes", options.SuperSlabCacheBytes);
        Print("SuperSlabCacheTtl", (long)options.SuperSlabCacheTtl.TotalMilliseconds);
        Print("PurgeDelay", (long)options.PurgeDelay.TotalMilliseconds);
        Print("Hardening", (long)options.Hardening);
        Print("CaptureStacks", options.CaptureStacks ? 1 : 0);
        Print("QuarantineBytes", options.QuarantineBytes);
        Print("GuardedSampleInterval", options.GuardedSampleInterval);
        Print("FaultReports", options.FaultReports ? 1 : 0);
        Print("Given", new HakmemOptions { MaxBytes = 123 << 20 }.MaxBytes);

        // What the shared heap takes without reading them.
        Print("AreDefaults", HaveSameValues(options.ToLimits(), new HeapLimits()) ? 1 : 0);

        // Whether they reach the heaps, too.
        using HakmemAllocator isolated = new();
        Print("SharedTakes64MiB", HakmemAllocator.Shared.TryAlloc(64 * BlockSizes.MiB, out _) ? 1 : 0);
        Print("IsolatedTakes64MiB", isolated.TryAlloc(64 * BlockSizes.MiB, out _) ? 1 : 0);
    }

    private static bool HaveSameValues(HeapLimits one, HeapLimits other)
    {
        // Its fields: of its properties one is the time.
        FieldInfo[] fields = typeof(HeapLimits).GetFields(BindingFlags.Instance | BindingFlags.NonPublic);
        return fields.Length > 10 && fields.All(field => Equals(field.GetValue(one), field.GetValue(other)));
    }

    private static void Print(string name, long value) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}={value}"));
}
