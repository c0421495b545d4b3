using System;
using System.Globalization;
using Xunit.Sdk;

namespace Hakmem.Tests.Support;

// Runs a randomised test with a seed that its failure names, and that the environment variable can bring back.
internal static class Seeded
{
    public const string SeedVariable = "HAKMEM_TEST_SEED";

    public static void Run(Action<int> test)
    {
        int seed = Draw();
        try
        {
            test(seed);
        }
        catch (Exception failure)
        {
            throw new XunitException($"Failed with {SeedVariable}={seed}: {failure.Message}", failure);
        }
    }

    // A seed for what outlives one method; who draws it writes it into the test's output.
    public static int Draw()
    {
        string? given = Environment.GetEnvironmentVariable(SeedVariable);
        return given is null ? Random.Shared.Next() : int.Parse(given, CultureInfo.InvariantCulture);
    }
}
