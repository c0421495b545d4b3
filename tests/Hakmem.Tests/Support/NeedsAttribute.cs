using System;
using System.Collections.Generic;
using System.Linq;
using Xunit.v3;

namespace Hakmem.Tests.Support;

// Says what a test, or each test of a class, needs of the system: as a trait, and as a reason to skip it where that is not to be had.
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
internal sealed class NeedsAttribute(params SystemNeed[] needs) : Attribute, ITraitAttribute
{
    public const string Trait = "needs";

    public IReadOnlyCollection<KeyValuePair<string, string>> GetTraits() =>
        [.. needs.Select(need => new KeyValuePair<string, string>(Trait, need.ToString().ToLowerInvariant()))];
}
