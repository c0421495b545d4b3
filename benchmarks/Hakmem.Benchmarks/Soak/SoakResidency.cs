using System;
using System.Collections.Generic;
using System.Linq;

namespace Hakmem.Benchmarks.Soak;

/// <summary>Tells memory that grows from memory that varies.</summary>
/// <remarks>
/// What is judged is resident bytes less live ones, read while the loads stand and after a trim. The first readings, up to the quarter of
/// the run, set what is normal; later on several in a row above that are growth.
/// </remarks>
internal sealed class SoakResidency(TimeSpan duration)
{
    private const double NormalShare = 0.25;
    private const int LeastNormalReadings = 3;
    private const int ReadingsInARow = 3;
    private const double Tolerance = 1.15;
    private const long ToleranceBytes = 32L << 20;

    private readonly List<long> _normal = [];
    private int _above;

    /// <summary>The latest reading.</summary>
    public long Latest { get; private set; }

    /// <summary>The highest reading that is normal; 0 before there is any.</summary>
    public long Normal => _normal.Count == 0 ? 0 : _normal.Max();

    /// <summary>Takes a reading.</summary>
    /// <exception cref="SoakFailedException">Memory has grown.</exception>
    public void Add(TimeSpan elapsed, long overheadBytes)
    {
        Latest = overheadBytes;
        if (elapsed < duration * NormalShare || _normal.Count < LeastNormalReadings)
        {
            _normal.Add(overheadBytes);
            return;
        }

        long limit = (long)(Normal * Tolerance) + ToleranceBytes;
        _above = overheadBytes > limit ? _above + 1 : 0;
        if (_above >= ReadingsInARow)
        {
            throw new SoakFailedException(
                $"Memory grows: {overheadBytes >> 20} MiB are resident beyond the live blocks, {ReadingsInARow} times in a row above the limit of " +
                $"{limit >> 20} MiB ({Normal >> 20} MiB at first).");
        }
    }
}
