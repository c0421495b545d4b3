using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using System.Threading.Tasks;
using Xunit;

namespace Hakmem.Tests.AotSmoke;

// Runs the tests of classes that are named to it, one after the other, each on an instance of its own: what xunit's runner does, which finds
// tests by reflection that native compilation leaves nothing for. Here the classes are type arguments, whose methods are kept for that reason.
internal sealed class ConformanceRun
{
    public int Passed { get; private set; }

    public int Failed { get; private set; }

    public void Add<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicMethods)] T>(IEnumerable<int>? theoryData = null)
        where T : new()
    {
        int before = Passed + Failed;
        long start = Stopwatch.GetTimestamp();
        foreach (MethodInfo method in typeof(T).GetMethods(BindingFlags.Public | BindingFlags.Instance))
        {
            if (method.IsDefined(typeof(TheoryAttribute)))
            {
                foreach (int value in theoryData ?? throw new InvalidOperationException($"{typeof(T).Name}.{method.Name} wants data."))
                {
                    RunOne<T>($"{typeof(T).Name}.{method.Name}({value})", instance => method.CreateDelegate<Action<int>>(instance)(value));
                }
            }
            else if (method.IsDefined(typeof(FactAttribute)))
            {
                RunOne<T>($"{typeof(T).Name}.{method.Name}", instance => Run(method, instance));
            }
        }

        if (Passed + Failed == before)
        {
            throw new InvalidOperationException($"{typeof(T).Name} has no tests.");
        }

        Console.WriteLine($"{typeof(T).Name}: {Passed + Failed - before} tests in {Stopwatch.GetElapsedTime(start).TotalSeconds:F1} s");
    }

    private static void Run(MethodInfo method, object instance)
    {
        if (method.ReturnType == typeof(Task))
        {
            method.CreateDelegate<Func<Task>>(instance)().GetAwaiter().GetResult();
        }
        else
        {
            method.CreateDelegate<Action>(instance)();
        }
    }

    private void RunOne<T>(string name, Action<object> test)
        where T : new()
    {
        try
        {
            object instance = new T();
            try
            {
                test(instance);
            }
            finally
            {
                (instance as IDisposable)?.Dispose();
            }

            Passed++;
        }
        catch (Exception failure)
        {
            Failed++;
            Console.WriteLine($"FAILED {name}: {failure}");
        }
    }
}
