using System;
using System.Globalization;
using System.Linq;
using System.Reflection;
using Hakmem.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Xunit;

namespace Hakmem.AspNetCore.Tests.Hosting;

// An option of the library that is new cannot be forgotten here: what configuration can set of a heap and of a pool is all that there is to
// set, by the same name and of the same type, and each value arrives.
public sealed class SettingsCompletenessTests
{
    public static TheoryData<string> HeapOptions => NamesOf(typeof(HakmemOptions));

    public static TheoryData<string> PoolOptions => NamesOf(typeof(NativeMemoryPoolOptions));

    [Fact]
    public void AHeapsSettingsAreItsOptions() => Assert.Equal(Shape(typeof(HakmemOptions)), Shape(typeof(HakmemHeapSettings)));

    [Fact]
    public void APoolsSettingsAreItsOptions() => Assert.Equal(Shape(typeof(NativeMemoryPoolOptions)), Shape(typeof(HakmemPoolSettings)));

    // What is a mistake in a configuration is told from these lists.
    [Fact]
    public void EveryOptionIsAKeyOfTheConfiguration()
    {
        Assert.Equal(NamesAndDemandsOf(typeof(HakmemServiceOptions)), NamesAndDemandsOf(ConfigurationCheck.OwnKeys));
        foreach ((string name, ConfigurationKey[] keys) in ConfigurationCheck.Sections)
        {
            PropertyInfo section = typeof(HakmemServiceOptions).GetProperty(name)!;
            Assert.Equal(NamesAndDemandsOf(section.PropertyType), NamesAndDemandsOf(keys));
        }

        Assert.Equal(
            typeof(HakmemServiceOptions).GetProperties().Where(property => !property.CanWrite).Select(property => property.Name).Order(),
            ConfigurationCheck.Sections.Select(section => section.Name).Order());
    }

    [Theory]
    [MemberData(nameof(HeapOptions))]
    public void AHeapsSettingArrivesAndCountsAsSet(string name)
    {
        HakmemHeapSettings settings = new();
        Assert.False(settings.IsAnythingSet);
        object value = SetToAnother(settings, name, ValueOf(new HakmemOptions(), name));
        Assert.True(settings.IsAnythingSet);
        Assert.Equal(value, ValueOf(settings.ToHeapOptions(), name));
    }

    // From a configuration's text, through the binder and the check of keys, to the heap's options.
    [Theory]
    [MemberData(nameof(HeapOptions))]
    public void AHeapsKeyReachesTheOptions(string name)
    {
        HakmemHeapSettings settings = new();
        object value = SetToAnother(settings, name, ValueOf(new HakmemOptions(), name));
        IConfiguration configuration = new ConfigurationBuilder().AddInMemoryCollection(
            [new("Hakmem:Isolated", "true"), new($"Hakmem:Heap:{name}", Convert.ToString(value, CultureInfo.InvariantCulture))]).Build();
        using ServiceProvider services = new ServiceCollection().AddHakmem(configuration).BuildServiceProvider();
        HakmemHeapSettings bound = services.GetRequiredService<IOptions<HakmemServiceOptions>>().Value.Heap;
        Assert.Equal([name], bound.ConfiguredKeys);
        Assert.Equal(value, ValueOf(bound.ToHeapOptions(), name));
    }

    [Theory]
    [MemberData(nameof(PoolOptions))]
    public void APoolsSettingArrivesAndIsLeftAtTheDefaultOtherwise(string name)
    {
        HakmemPoolSettings settings = new();
        object original = ValueOf(new NativeMemoryPoolOptions(), name);
        Assert.Equal(original, ValueOf(settings.ToPoolOptions(), name));
        object value = SetToAnother(settings, name, original);
        Assert.Equal(value, ValueOf(settings.ToPoolOptions(), name));
    }

    private static TheoryData<string> NamesOf(Type type) => [.. type.GetProperties().Select(property => property.Name)];

    // Names and types, nullable ones without that.
    private static string[] Shape(Type type) => [.. type.GetProperties()
        .Select(property => $"{property.Name}: {(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType).Name}").Order()];

    private static string[] NamesAndDemandsOf(ConfigurationKey[] keys) => [.. keys.Select(key => $"{key.Name}: {key.Demand}").Order()];

    private static string[] NamesAndDemandsOf(Type type) => [.. type.GetProperties().Where(property => property.CanWrite)
        .Select(property => $"{property.Name}: {DemandOf(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType)}").Order()];

    private static string DemandOf(Type type) => type switch
    {
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(int) => "a whole number up to 2147483647",
        _ when type == typeof(long) => "a whole number up to 9223372036854775807",
        _ when type == typeof(TimeSpan) => "a time as hh:mm:ss (a plain number would be days)",
        _ when type == typeof(string) => "a text",
        _ => $"one of {string.Join(", ", Enum.GetNames(type))}",
    };

    private static object ValueOf(object options, string name) => options.GetType().GetProperty(name)!.GetValue(options)!;

    private static object SetToAnother(object settings, string name, object original)
    {
        PropertyInfo property = settings.GetType().GetProperty(name)!;
        object value = original switch
        {
            bool known => !known,
            int known => known == int.MaxValue ? known - 1 : known + 1,

            // A SuperSlab more, since a heap accepts no lower limit.
            long known => known + (2 << 20),
            TimeSpan known => known + TimeSpan.FromSeconds(1),
            Enum known => Enum.GetValues(known.GetType()).Cast<object>().First(other => !other.Equals(known)),
            _ => throw new NotSupportedException($"{name} is of a type that this test has no values of."),
        };
        property.SetValue(settings, value);
        return value;
    }
}
