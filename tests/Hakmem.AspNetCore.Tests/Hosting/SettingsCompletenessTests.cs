using System;
using System.Linq;
using System.Reflection;
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

    private static object ValueOf(object options, string name) => options.GetType().GetProperty(name)!.GetValue(options)!;

    private static object SetToAnother(object settings, string name, object original)
    {
        PropertyInfo property = settings.GetType().GetProperty(name)!;
        object value = original switch
        {
            bool known => !known,
            int known => known - 1,
            long known => known + 1,
            TimeSpan known => known + TimeSpan.FromSeconds(1),
            Enum known => Enum.GetValues(known.GetType()).Cast<object>().First(other => !other.Equals(known)),
            _ => throw new NotSupportedException($"{name} is of a type that this test has no values of."),
        };
        property.SetValue(settings, value);
        return value;
    }
}
