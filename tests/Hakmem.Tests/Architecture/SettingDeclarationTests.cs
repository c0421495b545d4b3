using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using Hakmem.Api;
using Xunit;

namespace Hakmem.Tests.Architecture;

// The declarations in HakmemOptions.cs: each option's parts agree, and none is missing.
public sealed class SettingDeclarationTests
{
    // Settings of the process, which no option sets.
    private const int ProcessSettings = 3;

    private static readonly string s_file = File.ReadAllText(
        SourceTree.FilesBelow(SourceTree.Library).Single(file => Path.GetFileName(file) == "HakmemOptions.cs"));

    public static TheoryData<string> Options { get; } =
        new(typeof(HakmemOptions).GetProperties().Select(option => option.Name));

    // A switch has no values but its two.
    public static TheoryData<string> RangedOptions { get; } =
        new(typeof(HakmemOptions).GetProperties()
            .Where(option => option.PropertyType != typeof(bool)).Select(option => option.Name));

    [Theory]
    [MemberData(nameof(Options))]
    public void EveryOptionHasASettingOfItsTypeAndDefault(string option)
    {
        PropertyInfo property = typeof(HakmemOptions).GetProperty(option)!;
        HakmemSetting setting = Assert.Single(SettingsTable.Settings, setting => setting.Name == option);
        Assert.Equal(property.PropertyType, setting.Type);
        Assert.Equal(setting.Default, NumberOf(property.GetValue(new HakmemOptions())!));
    }

    [Theory]
    [MemberData(nameof(Options))]
    public void EveryOptionsDocumentationNamesItsVariables(string option)
    {
        HakmemSetting setting = SettingsTable.Settings.Single(setting => setting.Name == option);
        string summary = Regex.Match(s_file, $@"((?:    ///.*\n)+)    public \w+ {option}\n").Groups[1].Value;
        Assert.Contains($"<c>{setting.Variable}</c>", summary, StringComparison.Ordinal);
        if (setting.Original is not null)
        {
            Assert.Contains($"<c>{setting.Original.Name}</c>", summary, StringComparison.Ordinal);
        }
    }

    // What is asked for at a process's first allocation is all that is read, and nothing else.
    [Fact]
    public void TheNamesLookedForAreThoseDeclared()
    {
        Assert.Equal(SettingsTable.Settings.Select(setting => setting.Name).Order(), WordsOf("Names").Order());
        Assert.Equal(
            SettingsTable.Settings
                .SelectMany(setting => new[] { setting.Variable, setting.Original?.Name }).OfType<string>().Order(),
            WordsOf("Variables").Select(word => "HAKMEM_" + word).Order());
        Assert.Equal(typeof(HakmemOptions).GetProperties().Length + ProcessSettings, SettingsTable.Settings.Length);
    }

    [Theory]
    [MemberData(nameof(RangedOptions))]
    public void AValueOutOfRangeIsRefusedByItsName(string option)
    {
        HakmemSetting setting = SettingsTable.Settings.Single(setting => setting.Name == option);
        AssertRefused(setting, setting.Type.IsEnum ? Enum.GetNames(setting.Type).Length : setting.Least - 1);
        if (setting.Most != long.MaxValue)
        {
            AssertRefused(setting, setting.Most + 1);
        }
    }

    private static void AssertRefused(HakmemSetting setting, long value)
    {
        HakmemOptions options = new();
        PropertyInfo property = typeof(HakmemOptions).GetProperty(setting.Name)!;
        property.SetValue(options, ValueOf(setting.Type, value));
        ArgumentOutOfRangeException refusal = Assert.Throws<ArgumentOutOfRangeException>(() => options.ToLimits());
        Assert.Equal(setting.Name, refusal.ParamName);
        Assert.StartsWith($"HakmemOptions.{setting.Name} ", refusal.Message, StringComparison.Ordinal);
    }

    private static object ValueOf(Type type, long value) => type.IsEnum ? Enum.ToObject(type, value)
        : type == typeof(TimeSpan) ? TimeSpan.FromTicks(value)
        : type == typeof(int) ? (object)(int)value
        : value;

    private static long NumberOf(object value) => value is TimeSpan time ? time.Ticks : Convert.ToInt64(value, null);

    private static string[] WordsOf(string constant)
    {
        FieldInfo field = typeof(HakmemSettings).GetField(constant, BindingFlags.NonPublic | BindingFlags.Static)!;
        return ((string)field.GetRawConstantValue()!).Split(' ');
    }
}
