// The cloud controller manager for Google Compute Engine: the published provider library in the frame that all cloud
// controller managers share. The provider's own repository is no Go module that could be asked for by version.
package main

import (
	"os"

	"k8s.io/apimachinery/pkg/util/wait"
	cloudprovider "k8s.io/cloud-provider"
	_ "k8s.io/cloud-provider-gcp/providers/gce"
	"k8s.io/cloud-provider/app"
	"k8s.io/cloud-provider/app/config"
	"k8s.io/cloud-provider/names"
	"k8s.io/cloud-provider/options"
	"k8s.io/component-base/cli"
	"k8s.io/component-base/cli/flag"
	"k8s.io/klog/v2"
)

func main() {
	defaults, err := options.NewCloudControllerManagerOptions()
	if err != nil {
		klog.Fatalf("no default options: %v", err)
	}
	command := app.NewCloudControllerManagerCommand(
		defaults, provider, app.DefaultInitFuncConstructors, names.CCMControllerAliases(), flag.NamedFlagSets{}, wait.NeverStop,
	)
	os.Exit(cli.Run(command))
}

// provider is the cloud that the flags ask for.
func provider(completed *config.CompletedConfig) cloudprovider.Interface {
	wanted := completed.ComponentConfig.KubeCloudShared.CloudProvider
	cloud, err := cloudprovider.InitCloudProvider(wanted.Name, wanted.CloudConfigFile)
	if err != nil || cloud == nil {
		klog.Fatalf("cannot start cloud provider %q: %v", wanted.Name, err)
	}
	return cloud
}
