using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;
using Hakmem.Tests.Children;
using Hakmem.Tests.Conformance;
using Hakmem.Tests.Stress;
using Hakmem.Tests.Support;
using Xunit;
using Xunit.Runner.Common;
using Xunit.Sdk;
using Xunit.v3;

namespace Hakmem.Tests.Architecture;

// Every test can be chosen by its category, as CONTRIBUTING.md says.
public sealed class TestCategoryTests
{
    private static readonly Type[] s_testClasses =
    [
        .. typeof(TestCategoryTests).Assembly.GetExportedTypes()
            .Where(type => !type.IsAbstract)
            .Where(type => type.GetMethods().Any(method => method.IsDefined(typeof(FactAttribute), inherit: true))),
    ];

    [Fact]
    public async Task EveryTestClassHasOneCategory()
    {
        Dictionary<string, HashSet<string>> categories = [];
        ITestFrameworkDiscoverer discoverer =
            new CategoryTestFramework().GetDiscoverer(typeof(TestCategoryTests).Assembly);
        await discoverer.Find(
            testCase =>
            {
                string name = testCase.TestClass!.TestClassName;
                categories.TryAdd(name, []);
                categories[name].UnionWith(testCase.Traits.GetValueOrDefault(CategoryTestFramework.Trait, []));
                return new(true);
            },
            TestFrameworkOptions.ForDiscovery(new TestAssemblyConfiguration()));

        Assert.Equal(s_testClasses.Select(type => type.FullName!).Order(), categories.Keys.Order());
        string[] names = [.. Enum.GetNames<TestCategory>().Select(name => name.ToLowerInvariant())];
        Assert.Equal(names.Order(), categories.Values.SelectMany(values => values).Distinct().Order());
        Assert.All(categories, entry => Assert.Single(entry.Value));
    }

    // As the run that this test is part of sees it.
    [Fact]
    public void RunningTestHasItsCategory() =>
        Assert.Equal(["fast"], TestContext.Current.TestCase!.Traits[CategoryTestFramework.Trait]);

    [Theory]
    [InlineData(typeof(TestCategoryTests), "Fast")]
    [InlineData(typeof(SettingsTests), "Child")]
    [InlineData(typeof(SharedHeapStress), "Stress")]
    [InlineData(typeof(SharedHeapConformance), "Fast")]
    public void ClassWithoutAttributeHasItsNamespacesCategory(Type testClass, string category) =>
        Assert.Equal(category, CategoryTestFramework.CategoryOf(testClass).ToString());

    [Fact]
    public void DerivedClassHasTheNearestAttributesCategory()
    {
        Assert.Equal(TestCategory.Stress, CategoryTestFramework.CategoryOf(typeof(Derived)));
        Assert.Equal(TestCategory.Child, CategoryTestFramework.CategoryOf(typeof(Overriding)));
    }

    // The fast tests stay fast only if none of them waits for a process to start.
    [Fact]
    public void ClassThatStartsProcessesIsOfCategoryChild()
    {
        string[] starting =
        [
            .. SourceTree.FilesBelow(Path.Combine(SourceTree.Root, "tests", "Hakmem.Tests"))
                .Where(file => File.ReadAllText(file).Contains(nameof(ChildProcess) + ".Run", StringComparison.Ordinal))
                .Select(file => Path.GetFileNameWithoutExtension(file)),
        ];
        Type[] classes = [.. s_testClasses.Where(type => starting.Contains(type.Name))];
        Assert.NotEmpty(classes);
        Assert.All(classes, type => Assert.Equal(TestCategory.Child, CategoryTestFramework.CategoryOf(type)));
    }

    [Category(TestCategory.Stress)]
    private abstract class Marked;

    private sealed class Derived : Marked;

    [Category(TestCategory.Child)]
    private sealed class Overriding : Marked;
}
