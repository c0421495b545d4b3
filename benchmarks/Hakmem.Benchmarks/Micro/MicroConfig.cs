using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Filters;
using Hakmem.Benchmarks.Subjects;

namespace Hakmem.Benchmarks.Micro;

/// <summary>What all micro-benchmarks share: garbage is counted, and a peer that is not installed is left out.</summary>
internal sealed class MicroConfig : ManualConfig
{
    /// <summary>The category of benchmarks that need the native mimalloc.</summary>
    public const string NeedsMimalloc = "mimalloc";

    public MicroConfig()
    {
        Add(DefaultConfig.Instance);
        AddDiagnoser(MemoryDiagnoser.Default);
        if (!MimallocLibrary.IsAvailable)
        {
            AddFilter(new SimpleFilter(benchmark => !benchmark.Descriptor.HasCategory(NeedsMimalloc)));
        }
    }
}
