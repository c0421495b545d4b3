using System.Diagnostics;

namespace Hakmem;

/// <summary>Counts of a <see cref="NativeMemoryStreamManager"/> since it was created.</summary>
/// <param name="OpenCount">How many streams were created and neither disposed nor found dropped.</param>
/// <param name="CreatedCount">How many streams were created.</param>
/// <param name="LeakedCount">How many streams the garbage collector found dropped undisposed. Their memory is still
/// allocated.</param>
/// <param name="DoubleDisposedCount">How many disposals were of a stream that had been disposed.</param>
/// <param name="OverCapacityCount">How many calls were refused because a stream would have become too long.</param>
/// <param name="ConvertedToArrayCount">How many times <see cref="NativeMemoryStream.ToArray"/> was called.</param>
[DebuggerDisplay("{OpenCount} open, {CreatedCount} created, {LeakedCount} leaked")]
public readonly record struct NativeMemoryStreamManagerStatistics(
    long OpenCount,
    long CreatedCount,
    long LeakedCount,
    long DoubleDisposedCount,
    long OverCapacityCount,
    long ConvertedToArrayCount);
