using System;
using Consumer.Library;
using Hakmem;

// Knows Hakmem by way of the library only.
if (Sums.Of(1_000) != 499_500 || HakmemAllocator.Shared.GetStatistics().LiveBlocks != 0)
{
    throw new InvalidOperationException("The library's sum, or what it freed, is not right.");
}

Console.WriteLine("The package works.");
