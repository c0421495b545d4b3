using System;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Text;

namespace Hakmem;

/// <summary>
/// Finds leaks in tests: what is allocated from a heap within the scope, in whatever way, must be freed at its end.
/// Otherwise <see cref="Dispose"/> throws a <see cref="HakmemLeakException"/> with the call stacks of the allocations.
/// </summary>
/// <remarks>
/// <para>
/// Thread-safe: allocations of all threads count. So other users of the heap must not run meanwhile: use a heap of the
/// test's own, or run the test alone. Only the few blocks that another thread has at hand when the scope begins do not
/// count.
/// </para>
/// <para>
/// The scope is a <see cref="HakmemProfiler"/> that samples every allocation, which takes some microseconds and 64 KiB
/// of committed memory for each live block: for tests, not for production. A heap has one scope or profiler at a time.
/// </para>
/// </remarks>
[DebuggerDisplay("{DebuggerDisplay,nq}")]
public sealed class LeakScope : IDisposable
{
    // At 1 byte a block of 16 bytes, the smallest, is left out once in ten million times.
    private const long EveryBlock = 1;

    private const int MaxStacks = 20;

    private readonly HakmemProfiler _profiler;
    private bool _isEnded;

    private string DebuggerDisplay => _isEnded ? "ended" : "looks for leaks";

    private LeakScope(HakmemProfiler profiler) => _profiler = profiler;

    /// <summary>Begins a scope.</summary>
    /// <param name="allocator">The heap; null for <see cref="HakmemAllocator.Shared"/>. Dispose the scope before it.
    /// </param>
    /// <returns>The scope. Dispose it where everything must be freed.</returns>
    /// <exception cref="InvalidOperationException">The heap has a profiler or a scope.</exception>
    /// <exception cref="NotSupportedException">The process has no arena, so that <c>NativeMemory</c> serves the heap.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The heap has been disposed.</exception>
    /// <exception cref="OutOfMemoryException">There is no memory for the profiler's tables.</exception>
    public static LeakScope Begin(HakmemAllocator? allocator = null) =>
        new(HakmemProfiler.Start(allocator ?? HakmemAllocator.Shared, EveryBlock));

    /// <summary>Throws if something that was allocated within the scope is not freed. The scope goes on.</summary>
    /// <exception cref="HakmemLeakException">Blocks are not freed; the message has their stacks.</exception>
    /// <exception cref="InvalidOperationException">None is found, but not all blocks could be followed: those take 64
    /// KiB or more each, and together at most an eighth of the heap's hard limit.</exception>
    /// <exception cref="ObjectDisposedException">The scope has ended.</exception>
    public void Check()
    {
        HeapProfile profile = _profiler.Capture();
        if (profile.Samples.Any(sample => sample.InUseObjects > 0))
        {
            throw new HakmemLeakException(Describe(profile), profile);
        }

        if (profile.LostSamples > 0)
        {
            throw new InvalidOperationException(
                $"The scope cannot tell whether there are leaks: {profile.LostSamples} blocks could not be followed, " +
                "because the heap has no room for that. A heap without a limit has.");
        }
    }

    /// <summary>Ends the scope. A second call does nothing.</summary>
    /// <remarks>Where an exception leaves a <c>using</c>, one that is thrown here takes its place, as what the first
    /// kept from being freed is a leak too: a failed assertion shows as one. A scope that the teardown of a test
    /// disposes hides nothing.</remarks>
    /// <exception cref="HakmemLeakException">Blocks are not freed; the message has their stacks. They stay valid.
    /// </exception>
    /// <exception cref="InvalidOperationException">As for <see cref="Check"/>.</exception>
    public void Dispose()
    {
        if (_isEnded)
        {
            return;
        }

        _isEnded = true;
        try
        {
            Check();
        }
        finally
        {
            _profiler.Dispose();
        }
    }

    private static string Describe(HeapProfile profile)
    {
        HeapProfileSample[] leaks =
        [
            .. profile.Samples.Where(sample => sample.InUseObjects > 0).OrderByDescending(sample => sample.InUseBytes),
        ];
        StringBuilder text = new();
        long objects = leaks.Sum(leak => leak.InUseObjects);
        long bytes = leaks.Sum(leak => leak.InUseBytes);
        text.Append(CultureInfo.InvariantCulture, $"{objects} blocks of {bytes} bytes in all were ");
        text.Append("allocated within the scope and are not freed:");
        foreach (HeapProfileSample leak in leaks.Take(MaxStacks))
        {
            text.Append(
                CultureInfo.InvariantCulture, $"\n{leak.InUseObjects} blocks, {leak.InUseBytes} bytes, allocated");
            text.Append(leak.Tag is null ? "\n" : $" for the tag '{leak.Tag}'\n");
            text.Append(leak.StackText.TrimEnd('\n'));
        }

        if (leaks.Length > MaxStacks)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n... and by {leaks.Length - MaxStacks} other stacks.");
        }

        return text.ToString();
    }
}

/// <summary>What a <see cref="LeakScope"/> throws: blocks that were allocated within it are not freed.</summary>
public sealed class HakmemLeakException : Exception
{
    /// <summary>Creates an exception with a general message.</summary>
    public HakmemLeakException()
        : this("Blocks were allocated and are not freed.")
    {
    }

    /// <summary>Creates an exception with a message.</summary>
    /// <param name="message">What is not freed.</param>
    public HakmemLeakException(string message)
        : base(message)
    {
    }

    /// <summary>Creates an exception with a message and a cause.</summary>
    /// <param name="message">What is not freed.</param>
    /// <param name="innerException">The cause.</param>
    public HakmemLeakException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    internal HakmemLeakException(string message, HeapProfile profile)
        : base(message) => Profile = profile;

    /// <summary>The profile in which the leaks were found; null if the program made the exception itself.</summary>
    public HeapProfile? Profile { get; }
}
