using System;
using System.Collections.Generic;
using Xunit.Sdk;
using Xunit.v3;

namespace Hakmem.Tests.Support;

// A test class that has its category among its traits; its methods and cases have them from here.
internal sealed class CategorisedTestClass : XunitTestClass, IXunitTestClass
{
    private readonly Lazy<IReadOnlyDictionary<string, IReadOnlyCollection<string>>> _traits;

    public CategorisedTestClass(Type testClass, IXunitTestCollection collection)
        : base(testClass, collection) => _traits = new(WithCategory);

    // For xunit, should it read one back that it wrote.
    [Obsolete("Called by the de-serializer; should only be called by deriving classes for de-serialization purposes")]
    public CategorisedTestClass() => _traits = new(WithCategory);

    IReadOnlyDictionary<string, IReadOnlyCollection<string>> ITestClassMetadata.Traits => _traits.Value;

    private Dictionary<string, IReadOnlyCollection<string>> WithCategory() =>
        new(Traits, StringComparer.OrdinalIgnoreCase)
        {
            [CategoryTestFramework.Trait] = [CategoryTestFramework.CategoryOf(Class).ToString().ToLowerInvariant()],
        };
}
