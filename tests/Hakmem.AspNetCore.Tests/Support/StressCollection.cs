using Xunit;

namespace Hakmem.AspNetCore.Tests.Support;

// Tests that keep all processors busy for long. They run while no other test does: a server beside them may miss its
// time limits.
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class StressCollection
{
    public const string Name = "stress";
}
