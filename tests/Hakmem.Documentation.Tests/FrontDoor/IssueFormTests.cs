using System;
using System.IO;
using System.Linq;
using Hakmem.Tests.Architecture;
using Xunit;
using YamlDotNet.RepresentationModel;

namespace Hakmem.Documentation.Tests.FrontDoor;

// The issue forms have what GitHub demands of one: it shows no form that lacks it, and says so to nobody.
public sealed class IssueFormTests
{
    private const string Folder = ".github/ISSUE_TEMPLATE";
    private const string Repository = "https://github.com/hakmem/hakmem/";

    private static readonly string[] s_kinds = ["markdown", "input", "textarea", "dropdown", "checkboxes"];

    public static TheoryData<string> Forms =>
        [.. YamlFile.Below(Folder).Where(file => Path.GetFileName(file) != "config.yml")];

    [Theory]
    [MemberData(nameof(Forms))]
    public void FormHasANameADescriptionAndElements(string file)
    {
        YamlMappingNode form = YamlFile.Read(file);
        Assert.False(string.IsNullOrEmpty(form.Text("name")));
        Assert.False(string.IsNullOrEmpty(form.Text("description")));
        Assert.Contains(form.Items("body"), element => element.Text("type") != "markdown");
        Assert.All(form.Items("body"), element => Assert.Contains(element.Text("type"), s_kinds));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void ElementHasALabelAndAnIdOfItsOwn(string file)
    {
        YamlNode[] elements =
            [.. YamlFile.Read(file).Items("body").Where(element => element.Text("type") != "markdown")];
        string?[] ids = [.. elements.Select(element => element.Text("id"))];
        Assert.All(ids, id => Assert.Matches("^[a-z]+$", id));
        Assert.Equal(ids.Length, ids.Distinct().Count());
        Assert.All(elements, element => Assert.False(string.IsNullOrEmpty(element.Find("attributes")!.Text("label"))));
    }

    [Theory]
    [MemberData(nameof(Forms))]
    public void ChoiceHasOptions(string file)
    {
        YamlMappingNode form = YamlFile.Read(file);
        Assert.All(form.Items("body").Where(element => element.Text("type") is "dropdown" or "checkboxes"), element =>
            Assert.NotEmpty(element.Find("attributes")!.Items("options")));
    }

    [Fact]
    public void BugFormAsksWhatAMaintainerNeeds()
    {
        string?[] required = [.. YamlFile.Read($"{Folder}/bug.yml").Items("body")
            .Where(element => element.Find("validations")?.Text("required") == "true")
            .Select(element => element.Text("id"))];
        Assert.Equal(["version", "system", "runtime", "happened", "hardening", "reproduce"], required);
    }

    [Fact]
    public void ContactLinkLeadsToTheRepository()
    {
        YamlNode[] links = [.. YamlFile.Read($"{Folder}/config.yml").Items("contact_links")];
        Assert.NotEmpty(links);
        Assert.All(links, link =>
        {
            Assert.False(string.IsNullOrEmpty(link.Text("name")));
            Assert.False(string.IsNullOrEmpty(link.Text("about")));
            Assert.StartsWith(Repository, link.Text("url"), StringComparison.Ordinal);
            string[] page = link.Text("url")!.Split("/blob/main/");
            Assert.True(page.Length == 1 || File.Exists(Path.Combine(SourceTree.Root, page[1])), link.Text("url"));
        });
    }
}
