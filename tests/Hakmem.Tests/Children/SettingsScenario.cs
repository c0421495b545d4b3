using System;
using System.Globalization;
using System.Linq;
using System.Reflection;
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

        // What a debugger shows, which is no exception.
        Console.WriteLine("Display: " + DebuggerEvaluation.DisplayOf(options));
        foreach (PropertyInfo option in typeof(HakmemOptions).GetProperties())
        {
            Print(option.Name, NumberOf(option.GetValue(options)!));
        }

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

    // A time's in milliseconds.
    private static long NumberOf(object value) =>
        value is TimeSpan time ? (long)time.TotalMilliseconds : Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private static void Print(string name, long value) =>
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}={value}"));
}
