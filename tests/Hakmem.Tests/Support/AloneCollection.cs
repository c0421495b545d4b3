using Xunit;

namespace Hakmem.Tests.Support;

// Tests that look at address ranges which any heap may take over once they are given back: they run while no other test does.
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneCollection
{
    public const string Name = "alone";
}
