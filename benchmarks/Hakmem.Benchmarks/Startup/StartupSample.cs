using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using Hakmem.Benchmarks.Runner;

namespace Hakmem.Benchmarks.Startup;

/// <summary>One process of a start-up run.</summary>
/// <param name="WallMs">From its start to its end, as whoever started it sees it.</param>
/// <param name="UseMs">What its first use of memory took, as it sees it itself.</param>
/// <param name="CpuMs">The processor time of all its threads until then, which a busy machine disturbs less.</param>
/// <param name="ResidentBytes">Resident after that.</param>
/// <param name="PeakBytes">The most that was resident.</param>
/// <param name="Threads">How many it had.</param>
internal sealed record StartupSample(double WallMs, double UseMs, double CpuMs, double ResidentBytes, double PeakBytes, double Threads)
{
    /// <summary>Runs one of the programs of <see cref="StartupOneCommand"/>.</summary>
    /// <exception cref="MeasuringFailedException">The process failed or hung.</exception>
    public static StartupSample Take(string program)
    {
        long start = Stopwatch.GetTimestamp();
        string output = MeasuringProcess.Run([StartupOneCommand.Name, program], new Dictionary<string, string?>());
        double wallMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        double[] figures = [.. output.Split(' ').Select(text => double.Parse(text, CultureInfo.InvariantCulture))];
        return new StartupSample(wallMs, figures[0], figures[1], figures[2], figures[3], figures[4]);
    }
}
