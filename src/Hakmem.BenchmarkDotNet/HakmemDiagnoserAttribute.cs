using System;
using BenchmarkDotNet.Configs;

namespace Hakmem;

/// <summary>Adds a <see cref="HakmemDiagnoser"/> to the benchmarks of a class or an assembly.</summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Assembly)]
public sealed class HakmemDiagnoserAttribute : Attribute, IConfigSource
{
    /// <summary>The configuration with the diagnoser.</summary>
    public IConfig Config { get; } = ManualConfig.CreateEmpty().AddDiagnoser(HakmemDiagnoser.Default);
}
