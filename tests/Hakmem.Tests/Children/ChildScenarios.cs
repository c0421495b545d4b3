using System;

namespace Hakmem.Tests.Children;

// What a child process can be told to do. Each scenario prints its findings to standard output for the test that started it.
internal static class ChildScenarios
{
    public static int Run(string name, string[] args)
    {
        switch (name)
        {
            default:
                Console.Error.WriteLine($"There is no child scenario '{name}'.");
                return 2;
        }
    }
}
