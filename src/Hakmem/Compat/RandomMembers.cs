using System;

namespace Hakmem.Compat;

// Random.Shared, which netstandard2.0 lacks: here one for each thread.
internal static class RandomMembers
{
    [ThreadStatic]
    private static Random? t_shared;

    extension(Random)
    {
        public static Random Shared => t_shared ??= new Random();
    }
}
